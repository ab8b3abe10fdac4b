#!/usr/bin/python3
"""README.md and src/README.md name only what there is: files, commands, settings, the arrows of includes.py."""

import re

import includes
import source
import tables

PAGES = ("README.md", "src/README.md")
LINK = re.compile(r"\]\(([^)#:\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
PATH = re.compile(r"(?:[A-Za-z_.]+/)+[A-Za-z0-9_*.]+\.(?:c|h|def|py|json|sql|html)")
SETTING = re.compile(r"\b(?:IMAGO_[A-Z_]+|FAL_[A-Z_]+|DATABASE_URL|REDIS_URL)\b")
COMMAND = re.compile(r"\bimago ([a-z][a-z-]*(?: [a-z-]+)?)")
NO_SETTINGS = {"IMAGO_CONFIG", "IMAGO_CORPORA"}      # read elsewhere


def _listed(root, name, column):
    text = (root / name).read_text(encoding="utf-8") if (root / name).is_file() else ""
    return [tables.unquote(args[column]) for _, _, args in tables.rows(text) if args and len(args) > column]


def _exists(root, page, path):
    beside = (root / page).parent
    return any(next(top.glob(path), None) for top in (root, beside))


def _commands(text):
    for match in CODE.finditer(text):
        yield from ((match.start(), m) for m in COMMAND.findall(match.group(1)))


def _check_page(root, page, text, settings, commands):
    for match in LINK.finditer(text):
        if not _exists(root, page, match.group(1)):
            yield match.start(), f"{match.group(1)} is not there"
    for match in CODE.finditer(text):
        for path in PATH.findall(match.group(1)):
            if not _exists(root, page, path.removeprefix("./")) and not path.startswith("build/") and "NAME" not in path:
                yield match.start(), f"{path} is not there"
    for match in SETTING.finditer(text):
        name = match.group(0)
        if name.removesuffix("_FILE") not in settings and name not in settings | NO_SETTINGS:
            yield match.start(), f"{name} is no setting"
    for at, said in _commands(text):
        if said not in commands and said.split()[0] not in commands:
            yield at, f"there is no command imago {said}"


def _check_arrows(text):
    for match in re.finditer(r"^\| `([a-z]+)` \|[^|]*\|([^|]*)\|$", text, re.MULTILINE):
        folder, cell = match.groups()
        if folder not in includes.ARROWS:
            continue
        said = set(re.findall(r"\b[a-z]+\b", cell.split(";")[0])) & set(includes.ARROWS)
        if cell.strip().startswith("all but"):
            said = set(includes.ARROWS) - said - {folder}
        if said != includes.ARROWS[folder] - {folder}:
            yield match.start(), f"{folder} may use {', '.join(sorted(includes.ARROWS[folder] - {folder}))}"


def check(root):
    settings = {name for names in _listed(root, "src/app/config.def", 2) for name in names.split(",")}
    commands = set(_listed(root, "src/app/commands.def", 0))
    problems = []
    for page in PAGES:
        if not (root / page).is_file():
            continue
        text = (root / page).read_text(encoding="utf-8")
        found = list(_check_page(root, page, text, settings, commands))
        if page.startswith("src/"):
            found += _check_arrows(text)
        problems += [f"{page}:{source.line_of(text, at)}: {what}" for at, what in found]
    return problems


if __name__ == "__main__":
    source.main(check)
