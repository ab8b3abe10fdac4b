"""ModelsLab as its documents describe it, strict: what a documented field may not be is refused, and so is what is not documented.

    with ModelsLabSim(key="…") as sim: ... STABLE_DIFFUSION_API_KEY=…, MODELSLAB_BASE_URL=sim.base ...

A job answers `processing` until it has been fetched `sim.fetches` times. Besides the rules of sim.py:

  submit:  done (with pictures at once) | no-id (pictures and no id) | nothing (neither) | thief (fetch_result at the host sim.thief)
  poll:    nsfw-picture (the filter has replaced one) | no-pictures | text (output is no list) | foreign (pictures at sim.thief) | stay
  both:    failed | error | misspelt | fields | limit | limit-200 | credits | credits-200 | plan | key | key-200 | nsfw | model | overload | forgotten

In sim.py's own words 429 and the like are answered in ModelsLab's form.
"""
import re

from sim import Answer, Rules, Sim

STRINGS = ("key", "model_id", "prompt", "negative_prompt", "scheduler", "vae", "lora_model", "algorithm_type")
CONTROLS = ("canny depth hed mlsd normal openpose scribble segmentation inpaint softedge lineart shuffle tile face_detector qrcode blur pose gray "
            "low_quality").split()
UPSCALERS = ("RealESRGAN_x4plus", "RealESRGAN_x4plus_anime_6B", "RealESRGAN_x2plus", "realesr-general-x4v3", "ultra_resolution")
MODELS = ("sd-1.5", "sdxl", "realistic-vision-51", "anything-v5", "dreamshaper-8", "flux")

TEXTS = {
    "failed": (200, {"status": "failed", "message": "something broke on the way"}),
    "error": (200, {"status": "error", "message": "Something went wrong"}),
    "misspelt": (200, {"status": "error", "messege": "Model not found: of an older page"}),
    "fields": (200, {"status": "error", "message": {"prompt": ["The prompt field is required."]}}),
    "limit": (429, {"status": "error", "message": "Rate limit exceeded. Maximum 5 queued requests allowed.", "retry_after": 1}),
    "limit-200": (200, {"status": "error", "message": "Rate limit exceeded. Maximum 5 queued requests allowed.", "retry_after": 1}),
    "credits": (402, {"status": "error", "message": "Insufficient credits. Please add more credits to continue."}),
    "credits-200": (200, {"status": "error", "message": "Insufficient credits. Please add more credits to continue."}),
    "plan": (403, {"status": "error", "message": "This feature requires a premium subscription"}),
    "key": (401, {"status": "error", "message": "Invalid API key"}),
    "key-200": (200, {"status": "error", "messege": "Invalid API Key"}),
    "nsfw": (200, {"status": "error", "message": "NSFW content was found in the prompt"}),
    "model": (200, {"status": "error", "message": "Model not found: gone"}),
    "overload": (503, {"status": "error", "message": "Service temporarily unavailable. Please try again later."}),
    "forgotten": (404, {"status": "error", "message": "Request not found"}),
}


class Refused(Exception):
    pass


def want(condition, words):
    if not condition:
        raise Refused(words)


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def check_common(body):
    for name in STRINGS:
        want(isinstance(body.get(name, ""), str), f"{name} must be a string")
    want(body.get("prompt", "").strip(), "prompt is required")
    want(body.get("model_id"), "model_id is required")
    for name in ("width", "height"):
        value = body.get(name, 512)
        want(type(value) is int and 256 <= value <= 1024, f"{name} must be between 256 and 1024")
        want(value % 8 == 0, f"{name} must be divisible by 8")
    samples = body.get("samples", 1)
    want(type(samples) is int and 1 <= samples <= 4, "samples must be between 1 and 4")
    guidance = body.get("guidance_scale", 7.5)
    want(is_number(guidance) and 1 <= guidance <= 20, "guidance_scale must be between 1 and 20")
    want(body.get("seed") is None or type(body["seed"]) is int, "seed must be an integer")
    want(type(body.get("clip_skip", 2)) is int and 1 <= body.get("clip_skip", 2) <= 8, "clip_skip must be between 1 and 8")
    if "strength" in body:
        want(is_number(body["strength"]) and 0 <= body["strength"] <= 1, "strength must be between 0 and 1")


def check_picture(body, name):
    want(isinstance(body.get(name), str) and re.match(r"https?://", body[name]), f"{name} must be a URL")


def check_generation(body, kind):
    known = {"key", "model_id", "prompt", "negative_prompt", "width", "height", "samples", "num_inference_steps", "guidance_scale", "seed", "scheduler",
             "safety_checker", "enhance_prompt", "lora_model", "lora_strength", "vae", "clip_skip", "use_karras_sigmas", "algorithm_type"}
    known |= {"text2img": {"upscale", "highres_fix", "multi_lingual"}, "img2img": {"init_image", "strength"},
              "inpaint": {"init_image", "mask_image", "strength"},
              "controlnet": {"controlnet_model", "controlnet_type", "auto_hint", "controlnet_conditioning_scale", "init_image", "control_image", "strength",
                             "tomesd", "upscale"}}[kind]
    want(set(body) <= known, f"unknown field: {sorted(set(body) - known)}")
    check_common(body)
    steps = body.get("num_inference_steps")
    if kind == "controlnet":
        want(steps in (21, 31), "num_inference_steps must be 21 or 31")
        flags, words = ("safety_checker", "enhance_prompt", "auto_hint"), ("yes", "no")
        want(body.get("controlnet_model") in CONTROLS, "controlnet_model is unknown")
        weight = body.get("controlnet_conditioning_scale", 1)
        want(is_number(weight) and 0.1 <= weight <= 5, "controlnet_conditioning_scale must be between 0.1 and 5")
    else:
        want(type(steps) is int and 1 <= steps <= 20, "num_inference_steps must be between 1 and 20")
        flags, words = ("safety_checker", "enhance_prompt"), (True, False)
    for name in flags:
        want(name not in body or type(body[name]) is type(words[0]) and body[name] in words, f"{name} must be one of {words}")
    if kind != "text2img":
        check_picture(body, "init_image")
    if kind == "inpaint":
        check_picture(body, "mask_image")
    want(body["model_id"] in MODELS, f"Model not found: {body['model_id']}")


def check_enlargement(body):
    want(set(body) <= {"key", "model_id", "init_image", "scale", "face_enhance"}, "unknown field")
    check_picture(body, "init_image")
    want(body.get("model_id", UPSCALERS[0]) in UPSCALERS, f"Model not found: {body.get('model_id')}")
    want(type(body.get("scale", 3)) is int and 1 <= body.get("scale", 3) <= 4, "scale must be between 1 and 4")
    want(type(body.get("face_enhance", False)) is bool, "face_enhance must be a boolean")


class Job:
    def __init__(self, number, family, body, rules):
        self.id, self.family, self.rules, self.fetched = number, family, rules, 0
        self.width, self.height = body.get("width", 512), body.get("height", 512)
        self.samples, self.seed = body.get("samples", 1), body.get("seed")


class ModelsLabSim(Sim):
    def __init__(self, key="ml-test-key", thief=None):
        super().__init__()
        self.key, self.base, self.thief = key, self.url + "/api", thief
        self.fetches, self.eta, self.queue_max = 1, 0.2, 15
        self.jobs = {}
        self.balance = 43.6

    # ---- shapes ----
    def error(self, status, what):
        return Answer(status, {"status": "error", "message": what})

    def text(self, what):
        status, body = TEXTS[what]
        return Answer(status, body, {"Retry-After": str(body["retry_after"])} if status == 429 else {})

    def links(self, job):
        return [f"{self.url}/files/{job.id}/{n}.png" for n in range(job.samples)]

    def success(self, job, with_id=True):
        body = {"status": "success", "generationTime": 1.3, "id": job.id, "output": self.links(job), "proxy_links": self.links(job),
                "nsfw_content_detected": False, "webhook_status": "", "tip": "",
                "meta": {"seed": job.seed if job.seed is not None else 7, "W": job.width, "H": job.height}}
        if not with_id:
            del body["id"]
        return body

    def processing(self, job, host=None):
        empty = "" if job.family == "image_editing" else []
        return {"status": "processing", "tip": "Your request is in the queue", "eta": self.eta, "webhook_status": "",
                "message": "Try to fetch request after given estimated time", "id": job.id, "output": empty, "meta": {},
                "fetch_result": f"{host or self.url}/api/v6/{job.family}/fetch/{job.id}", "future_links": self.links(job)}

    def next_rule(self, stage, rules):
        """What take_rule would take, left where it is."""
        return next((rule[1] for rule in self.rules.left + rules.left if rule[0] == stage and rule[2] != 0), None)

    # ---- the wire ----
    def keyed(self, request):
        """An answer that refuses the key, or None."""
        if not isinstance(request.json, dict):
            return self.error(400, "the body must be a JSON object")
        if "application/json" not in request.headers.get("content-type", ""):
            return self.error(400, "content-type must be application/json")
        if "key" not in request.json:
            return Answer(200, {"status": "error", "message": {"key": ["The key field is required."]}})
        return None if request.json["key"] == self.key else self.text("key")

    def submit(self, request, family, kind):
        refusal = self.keyed(request)
        if refusal:
            return refusal
        body = request.json
        rules = Rules(body.get("prompt"))
        what = self.next_rule("submit", rules)
        if what in TEXTS:
            self.take_rule("submit", rules)
            return self.text(what)
        own = what if what in ("done", "no-id", "nothing", "thief") else None
        if own:
            self.take_rule("submit", rules)
        else:
            request.taken = what in ("close-after-body", "cut", "garbage", "hang", "slow", "html", "empty")
            spoilt = self.spoil(request.handler, "submit", rules)
            if spoilt:
                return spoilt
        try:
            check_enlargement(body) if family == "image_editing" else check_generation(body, kind)
        except Refused as refused:
            return self.error(200 if "Model not found" in str(refused) else 400, str(refused))
        with self.lock:
            if sum(1 for j in self.jobs.values() if j.fetched < self.fetches) >= self.queue_max:
                return self.text("limit")
            job = Job(13902970 + len(self.jobs), family, body, rules)
            self.jobs[str(job.id)] = job
        request.taken = True
        return self.first_answer(job, own)

    def first_answer(self, job, own):
        if own == "done":
            job.fetched = self.fetches
            return Answer(200, self.success(job))
        if own == "no-id":
            return Answer(200, self.success(job, with_id=False))
        if own == "nothing":
            return Answer(200, {"status": "processing", "eta": 1, "output": []})
        return Answer(200, self.processing(job, self.thief if own == "thief" else None))

    def images(self, request, kind):
        return self.submit(request, "images", kind)

    def super_resolution(self, request):
        return self.submit(request, "image_editing", None)

    def fetch(self, request, family, number):
        refusal = self.keyed(request)
        if refusal:
            return refusal
        job = self.jobs.get(number)
        if not job or job.family != family or set(request.json) != {"key"}:
            return self.text("forgotten")
        what = self.next_rule("poll", job.rules)
        if what in TEXTS:
            self.take_rule("poll", job.rules)
            return self.text(what)
        if what in ("nsfw-picture", "no-pictures", "text", "foreign", "stay"):
            self.take_rule("poll", job.rules)
        else:
            what = None
            spoilt = self.spoil(request.handler, "poll", job.rules)
            if spoilt:
                return spoilt
        return self.fetched(job, what)

    def fetched(self, job, what):
        if what == "stay" or job.fetched < self.fetches:
            job.fetched += what != "stay"
            return Answer(200, self.processing(job))
        body = self.success(job)
        if what == "nsfw-picture":
            body["nsfw_content_detected"] = True
        if what == "no-pictures":
            body["output"], body["proxy_links"] = [], []
        if what == "text":
            body["output"] = body["output"][0]
        if what == "foreign":
            body["output"] = body["proxy_links"] = [f"{self.thief}/files/{job.id}/0.png"]
        return Answer(200, body)

    def wallet_balance(self, request):
        refusal = self.keyed(request)
        return refusal or Answer(200, {"status": "success", "data": {"balance": self.balance, "currency": "USD"}})

    def file(self, request, number, n):
        job = self.jobs.get(number)
        if not job or int(n) >= job.samples:
            return Answer(404, "no such picture", {"Content-Type": "text/plain"})
        what = self.next_rule("image", job.rules)
        if what and (what.isdigit() or what in ("hang", "slow", "endless")):
            spoilt = self.spoil(request.handler, "image", job.rules)
            if spoilt:
                return spoilt
        data, _ = self.picture(job.rules, job.width, job.height, int(n))
        return Answer(200, data, {"Content-Type": "image/png"})

    routes = [
        ("POST", r"/api/v6/images/(text2img|img2img|inpaint|controlnet)", images),
        ("POST", r"/api/v6/image_editing/super_resolution", super_resolution),
        ("POST", r"/api/v6/(images|image_editing)/fetch/([\w-]+)", fetch),
        ("POST", r"/api/wallet_balance", wallet_balance),
        ("GET", r"/files/(\d+)/(\d+)\.png", file),
    ]
