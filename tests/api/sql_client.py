"""The statements of sql/queries from Python: prepared by their text, called with text parameters, as the server does."""
import glob
import os
import random
import re
import string

import psycopg2

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
QUERIES = os.path.join(ROOT, 'sql/queries')
MIGRATIONS = sorted(glob.glob(os.path.join(ROOT, 'sql/migrations/*.sql')))
INVARIANTS = sorted(glob.glob(os.path.join(ROOT, 'sql/tests/*.sql')))
TABLE = os.path.join(ROOT, 'src/io/stmts.def')

# As the server's sessions are: a plan is made once, when tables may be empty, and has to serve when they are large.
SESSION = """set plan_cache_mode = force_generic_plan; set jit = off;
             set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off"""
# The invariants read everything.
REPORTS = 'set enable_seqscan = on; set enable_hashjoin = on; set enable_mergejoin = on'


def read(path):
    with open(path, encoding='utf-8') as f:
        return f.read()


def statement_table():
    """{file: number of parameters} of stmts.def."""
    text = re.sub(r'/\*.*?\*/', '', read(TABLE), flags=re.S)
    return {file: int(n) for file, n in re.findall(r'STMT\(\s*\w+\s*,\s*"([\w.]+)"\s*,\s*(\d+)\s*\)', text)}


def statement(name):
    """The text of a statement; x_waiting is x without "skip locked", as in stmts.def."""
    query = read(os.path.join(QUERIES, name.removesuffix('_waiting') + '.sql'))
    return query.replace(' skip locked', '') if name.endswith('_waiting') else query


def new_id(prefix):
    return prefix + '_' + ''.join(random.choices(string.ascii_letters + string.digits, k=24))


def text(value):
    if isinstance(value, list):
        return '{' + ','.join('NULL' if v is None else '"' + str(v).replace('\\', '\\\\').replace('"', '\\"') + '"'
                              for v in value) + '}'
    return None if value is None else str(value)


def migrate(url):
    connection = psycopg2.connect(url)
    for path in MIGRATIONS:
        with connection, connection.cursor() as cursor:
            cursor.execute(read(path))
    connection.close()


class Session:
    """One connection. session('accept', ...) -> rows as tuples; session.sql(text, ...) for anything else."""

    def __init__(self, url):
        self.connection = psycopg2.connect(url)
        self.connection.autocommit = True
        self.cursor = self.connection.cursor()
        self.cursor.execute(SESSION)
        self.prepared = set()

    def prepare(self, name):
        if name not in self.prepared:
            self.cursor.execute('prepare %s as %s' % (name, statement(name)))
            self.prepared.add(name)

    def __call__(self, name, *params):
        self.prepare(name)
        places = '(' + ','.join(['%s'] * len(params)) + ')' if params else ''
        return self.sql('execute ' + name + places, *[text(p) for p in params])

    def sql(self, query, *params):
        self.cursor.execute(query, params or None)
        return self.cursor.fetchall() if self.cursor.description else []

    def one(self, query, *params):
        return self.sql(query, *params)[0][0]

    def close(self):
        self.connection.close()


# ---- rows for the set-wise statements ----

def job(user, price=5, step='CALL', images=1, parts=1, **more):
    return {'id': new_id('img'), 'user': user, 'price': price, 'step': step, 'images': images, 'parts': parts,
            'prompt': 'a "quoted" cat, \\ and a лес', 'deadline_s': 300, **more}


def accept_params(jobs, owner, epoch):
    n = len(jobs)

    def each(key):
        return [j[key] for j in jobs]

    return [each('id'), each('user'), each('price'), ['text_to_image'] * n, each('prompt'),
            ['{"size": "1024x1024", "width": 1024, "height": 768}'] * n, ['imagen4'] * n, ['fal-ai/imagen4/preview'] * n,
            ['fal'] * n, ['imagen4'] * n, each('images'), each('parts'), [j['images'] // j['parts'] for j in jobs],
            each('deadline_s'), each('step'), [40000] * n, owner, epoch]


def end(j, status='COMPLETED', stored=None, charged=None):
    """How job j ends; by default with all its pictures, charged for those that are stored."""
    stored = (j['images'] if status == 'COMPLETED' else 0) if stored is None else stored
    return {'job': j, 'status': status, 'stored': stored,
            'charged': (j['price'] // j['images'] * stored if charged is None else charged)}


def settle_params(ends, owner, epoch):
    pictures = [(e['job'], k + 1) for e in ends for k in range(e['stored'])]
    attempts = [(e['job'], part + 1) for e in ends for part in range(e['job']['parts'])]
    n, m, t = len(ends), len(pictures), len(attempts)
    failed = ['refused' if e['status'] == 'FAILED' else None for e in ends]
    return [[e['job']['user'] for e in ends], [e['job']['id'] for e in ends], [e['status'] for e in ends],
            [e['charged'] for e in ends], failed, failed, [1.5] * n, [40000] * n, ['fal'] * n, ['imagen4'] * n, [None] * n,
            [j['id'] for j, _ in pictures], [k for _, k in pictures], [new_id('pic') for _ in pictures],
            [new_id('obj') for _ in pictures], ['generated_images/%s/image_%d.png' % (j['id'], k) for j, k in pictures],
            ['ab' * 32] * m, [1000 + k for _, k in pictures], ['image/png'] * m, [1024] * m, [768] * m,
            [j['id'] for j, _ in attempts], [part for _, part in attempts], [1] * t, ['ok'] * t, [None] * t, [None] * t,
            [40000] * t, owner, epoch]


# ---- what tests do with them ----

class Bench(Session):
    """A session with an instance that holds its lease."""

    def __init__(self, url):
        super().__init__(url)
        self.me = new_id('instance')
        self.epoch = self('instance_start', self.me, 'test')[0][0]

    def user(self, credits=100):
        name = new_id('user')
        return self('user_create', new_id('usr'), name, 'user', credits)[0][0]

    def accept(self, jobs, statement='accept'):
        return self(statement, *accept_params(jobs, self.me, self.epoch))

    def outcomes(self, jobs):
        return [row[1] for row in self.accept(jobs)]

    def taken(self, user, **more):
        j = job(user, **more)
        assert self.outcomes([j]) == ['ok']
        return j

    def settle(self, ends, statement='settle'):
        return self(statement, *settle_params(ends, self.me, self.epoch))

    def credits(self, user):
        return self.sql('select credits, held from users where id = %s', user)[0]

    def status(self, j):
        return self.one('select status from image_generation_jobs where id = %s', j['id'])


def violations(session):
    """{invariant: rows} of those that do not hold."""
    session.sql(REPORTS)
    found = {os.path.basename(path): session.sql(read(path)) for path in INVARIANTS}
    session.sql(SESSION)
    return {name: rows for name, rows in found.items() if rows}


def everything(session):
    """A digest of all tables, to see that nothing was written."""
    return {t: session.one("select md5(coalesce(string_agg(t::text, '|' order by t::text), '')) from %s t" % t)
            for t in ('users', 'ledger', 'image_generation_jobs', 'parts', 'attempts', 'objects', 'images', 'events')}


def locked_by_other(url, user):
    """Another session that has the user's row."""
    other = Session(url)
    other.sql('begin')
    other.sql('select from users where id = %s for update', user)
    return other


def attempt(db, rows, owner=None, epoch=None):
    """rows: (job, part, end_n, end_outcome, begin_n, step)."""
    return [r[2] for r in db('attempt', [r[0]['user'] for r in rows], [r[0]['id'] for r in rows], [r[1] for r in rows],
                             [r[2] for r in rows], [r[3] for r in rows], [None] * len(rows), [r[4] for r in rows],
                             ['fal'] * len(rows), ['imagen4'] * len(rows), [r[5] for r in rows], [7] * len(rows),
                             owner or db.me, epoch or db.epoch)]


def record(db, rows, handle='{"request": 1}', owner=None, epoch=None):
    """rows: (job, part, n)."""
    return [r[2] for r in db('record', [r[0]['user'] for r in rows], [r[0]['id'] for r in rows], [r[1] for r in rows],
                             [r[2] for r in rows], [handle] * len(rows), ['req'] * len(rows), owner or db.me, epoch or db.epoch)]
