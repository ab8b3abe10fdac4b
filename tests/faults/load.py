"""A load of jobs from many connections, and what has to be true afterwards."""
import threading
import time

import psycopg2


class Load:
    """`jobs` jobs from `connections` threads; each keeps its connection. Answers end up in `accepted`
    ({job_id: prompt}), `refused` ([(prompt, answer)]) and `lost` (prompts whose connection broke)."""

    def __init__(self, imago, jobs, connections, prompt="job {}", **fields):
        self.imago, self.jobs, self.fields, self.prompt = imago, jobs, fields, prompt
        self.accepted, self.refused, self.lost = {}, [], []
        self.lock = threading.Lock()
        self.next = 0
        self.stopping = False
        self.threads = [threading.Thread(target=self._client, daemon=True) for _ in range(connections)]

    def _take(self):
        with self.lock:
            if self.stopping or self.next >= self.jobs:
                return None
            self.next += 1
            return self.prompt.format(self.next)

    def _client(self):
        connection = None
        while (prompt := self._take()) is not None:
            try:
                connection = connection or self.imago.connection()
                answer = self.imago.generate(prompt, connection=connection, **self.fields)
            except (OSError, Exception) as error:  # noqa: BLE001  the server was killed under us
                connection = None
                with self.lock:
                    self.lost.append((prompt, repr(error)))
                time.sleep(0.02)
                continue
            with self.lock:
                if answer.status == 202:
                    self.accepted[answer.json()["job_id"]] = prompt
                else:
                    self.refused.append((prompt, answer))

    def start(self):
        for thread in self.threads:
            thread.start()
        return self

    def join(self):
        for thread in self.threads:
            thread.join()
        return self

    def stop(self):
        self.stopping = True
        return self.join()


def query(url, sql, *values):
    """All rows."""
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(sql, values)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def wait_until_all_end(url, within_s):
    """Statuses of all jobs, {status: count}, once none is live."""
    end = time.monotonic() + within_s
    while True:
        counts = dict(query(url, "select status, count(*) from image_generation_jobs group by status"))
        if not set(counts) - {"COMPLETED", "FAILED", "CANCELLED"}:
            return counts
        assert time.monotonic() < end, f"still live after {within_s} s: {counts}"
        time.sleep(0.2)
