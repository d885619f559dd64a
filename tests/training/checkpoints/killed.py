"""Kills a training at random moments until it is over, and compares it with one that ran through.

Run as `killed.py FOLDER ENGINE PRECISION PROCESSES KILLS SEED`. It prints one line of JSON: how
many kills there were, how many trainings came to their end, and how many of these ended in other
weights, another history or another teacher cache than the one that nobody killed.

The training is forked from this process, which has trained once itself: else most kills would come
while the child imports what only an update needs.
"""

import json
import os
import random
import signal
import sys
import time
import traceback
from hashlib import sha256
from pathlib import Path

from helpers import write_set
from hinted import convolutional, known
from processes import free_port, torchrun_environment
from training.checkpoints.stopped_runs import digest, without_times

from deelish import Average, BatchTrain, Deel, InputBatch
from deelish.distillation.teacher_cache.header import CacheHeader
from deelish.storage.records import RecordMap

# Five batches of training an epoch, and two of validation.
EPOCHS, IMAGES, VALIDATION = 6, 76, 20
# Where a training takes so many times as long as the one before, something hangs.
PATIENCE = 60


def train(folder, sets, engine, precision):
    """30 updates with dropout, mixup, cached logits and a running average."""
    with Deel(seed=1, engine=engine, precision=precision) as deel:
        InputBatch(*sets, batch_size=16, views=2, mix="mixup")
        student = convolutional("student", 6, normal=True, dropout=0.4)
        teacher, average = known(convolutional("teacher", 12)), Average(student, decay=0.9)

        def workout(x, t):
            logits = (teacher.batch_feature(x).content + average.batch_feature(x).content) / 2
            student.classify(x)
            return student.backprop(t, distill=logits)

        def checkout():
            student.save(folder / "student.safetensors")

        history = BatchTrain(
            workout, checkout, epochs=EPOCHS, resume=folder / "run", checkpoint_updates=2
        )
        return {"weights": digest(deel, [student, average]), "history": without_times(history)}


def child(folder, sets, how, rank, port):
    """One process of a training; it ends here."""
    engine, precision, processes = how
    code = 1
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.environ["DEELISH_CACHE"] = str(folder / "cache")
        if processes > 1:
            os.environ.update(torchrun_environment(rank, processes, port))
        result = train(folder, sets, engine, precision)
        if rank == 0:
            (folder / "result.json").write_text(json.dumps(result))
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def start(folder, sets, how):
    """The ids of the processes of a training."""
    folder.mkdir(exist_ok=True)
    port, pids = free_port(), []
    for rank in range(how[2]):
        pid = os.fork()
        if pid == 0:
            child(folder, sets, how, rank, port)
        pids.append(pid)
    return pids


def wait(pids, seconds):
    """Whether all have ended within so many seconds; an error of theirs ends this process."""
    until, left = time.monotonic() + seconds, list(pids)
    while left and time.monotonic() < until:
        for pid in list(left):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                left.remove(pid)
                if status:
                    kill(left, 0)
                    sys.exit(f"the training ended with status {status}")
        time.sleep(0.001)
    return not left


def kill(pids, delay):
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        time.sleep(delay)
    for pid in pids:
        os.waitpid(pid, 0)


def outcome(folder):
    """What a training came to: weights, history, the records of the teacher cache."""
    result = json.loads((folder / "result.json").read_text())
    (cache,) = (folder / "cache").glob("*.answers")
    rows = RecordMap(cache, CacheHeader.from_bytes).rows
    # Two processes append in any order.
    records = sorted(row.tobytes() for row in rows)
    result["cache"] = sha256(b"".join(records)).hexdigest()
    result["saved"] = sha256((folder / "student.safetensors").read_bytes()).hexdigest()
    result["left"] = sorted(p.name for p in folder.rglob("*") if ".part" in p.name)
    return result


def main(folder, engine, precision, processes, kills, seed):
    folder, how, rng = Path(folder), (engine, precision, int(processes)), random.Random(int(seed))
    sets = write_set(folder, "train", IMAGES), write_set(folder, "val", VALIDATION, first=IMAGES)
    os.environ["DEELISH_CACHE"] = str(folder / "first" / "cache")
    train(folder / "first", sets, engine, precision)
    begun = time.monotonic()
    if not wait(start(folder / "whole", sets, how), PATIENCE):
        sys.exit("the training hangs")
    seconds, expected = time.monotonic() - begun, outcome(folder / "whole")
    done, over, wrong = 0, 0, []
    while done < int(kills) or not over:
        one = folder / f"killed-{over}"
        while True:
            pids = start(one, sets, how)
            # The last training may run to its end.
            enough = done >= int(kills)
            if wait(pids, PATIENCE if enough else rng.uniform(0.1, 0.9) * seconds):
                break
            rng.shuffle(pids)
            kill(pids, rng.uniform(0, 0.02))
            done += 1
        over += 1
        found = outcome(one)
        if found != expected:
            wrong.append([key for key in found if found[key] != expected[key]])
    print(json.dumps({"kills": done, "over": over, "wrong": wrong}))


if __name__ == "__main__":
    main(*sys.argv[1:])
