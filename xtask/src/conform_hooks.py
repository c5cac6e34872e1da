"""What schemathesis is to do besides: count the answers, see that enough changes get through to
prove something, and that no role gets further than its permissions."""

import atexit
import itertools
import os
from collections import Counter

import schemathesis
from schemathesis.generation.meta import TestPhase
from schemathesis.specs.openapi.checks import negative_data_rejection

# Where the answers are told once more, for the end of all runs.
ANSWERS = os.environ["CONFORM_ANSWERS"]

# What the caller of this run holds; absent for one who holds everything.
HELD = os.environ.get("CONFORM_PERMISSIONS")

# The scheme of devices' tokens, which is what they hold.
DEVICE = "deviceToken"

# A change that dies in validation says nothing of the handler behind it. Of those that are meant to
# be valid this part must be accepted; the others are refused whatever the documents say.
ENOUGH = 0.3

# The last three are what the request alone is refused for, before anything is looked up: a
# parameter that the call does not have, the size of a body, its type.
REFUSED = {401, 403, 404, 400, 413, 415}

# What most requests are about, and what may be removed in its stead.
NOBODY = "00000000-0000-4000-8000-000000000000"
SPARES = {
    "a1b2c3d4-e5f6-7890-abcd-ef1234567890": NOBODY,
    "d1e2f3a4-b5c6-7890-abcd-ef1234567890": NOBODY,
    **{f"f1e2d3c4-b5a6-7890-abcd-ef123456789{n}": NOBODY for n in range(4)},
    "507f1f77bcf86cd799439011": "507f1f77bcf86cd799439012",
    "aa7cf840-9ca9-46a3-9778-9015d6580d50": "aa7cf840-9ca9-46a3-9778-9015d6580d51",
}

counts = Counter()
valid = Counter()
keys = itertools.count()


def is_valid(case):
    mode = schemathesis.GenerationMode.POSITIVE
    return case.meta is not None and case.meta.generation.mode == mode


@schemathesis.hook
def before_call(context, case, kwargs):
    # What a link takes from an answer keeps its type, and a header is text.
    for name, value in list(case.headers.items()):
        if not isinstance(value, str):
            case.headers[name] = str(value)
        # Few texts are made up again and again, and would make most calls repeats of others.
        number = next(keys)
        if name.lower() == "idempotency-key" and is_valid(case) and number % 10:
            case.headers[name] = f"{str(value)[:200]}{number}"
    if case.method.upper() == "DELETE":
        for name, value in case.path_parameters.items():
            case.path_parameters[name] = SPARES.get(str(value).lower(), value)


@schemathesis.hook
def after_call(context, case, response):
    answer = response.request.method, response.status_code
    counts[answer] += 1
    # Of fields there are none to begin with, and an admin has no say over tenants.
    if "{field_id}" in case.operation.path or response.status_code == 403:
        return
    # What takes another token says nothing of what a device may send.
    if HELD == DEVICE and response.status_code == 401:
        return
    if is_valid(case):
        valid[answer] += 1


def is_enough(held, case):
    """One of the schemes is, and it names all that it takes. A device's token opens only what takes
    one, and what takes none at all."""
    schemes = case.operation.definition.raw.get("security") or [{}]
    devices = DEVICE in held
    schemes = [one for one in schemes if not one or (DEVICE in one) == devices]
    needed = [{name for names in scheme.values() for name in names} for scheme in schemes]
    return any(names <= held for names in needed)


@schemathesis.check
def nothing_without_permission(ctx, response, case):
    if HELD is None or is_enough(set(HELD.split()), case):
        return
    method = case.operation.method.upper()
    if response.request.method == method and response.status_code not in REFUSED:
        raise AssertionError("takes what the caller lacks")


@schemathesis.check
def what_breaks_the_schema_is_refused(ctx, response, case):
    # There, links put parts of earlier answers into a request after it was judged.
    linked = case.meta is not None and case.meta.phase.name == TestPhase.STATEFUL
    return None if linked else negative_data_rejection(ctx, response, case)


def share(method, answers):
    of_method = {status: n for (name, status), n in answers.items() if name == method}
    done = sum(n for status, n in of_method.items() if 200 <= status < 300)
    return done, sum(of_method.values())


@schemathesis.check
class EnoughChangesGetThrough:
    def after_run(self, ctx):
        done, tried = share("PATCH", valid)
        if HELD is None and done <= ENOUGH * tried:
            raise AssertionError(f"only {done} of {tried} valid PATCHes were accepted")
        done, tried = share("POST", valid)
        if HELD == DEVICE and done <= ENOUGH * tried:
            raise AssertionError(f"only {done} of {tried} valid POSTs of a device were accepted")


@atexit.register
def tell():
    lines = []
    for method in ("GET", "PATCH", "POST", "DELETE"):
        done, tried = share(method, counts)
        if done or method == "PATCH":
            answers = sorted((status, n) for (name, status), n in counts.items() if name == method)
            answers = ", ".join(f"{status}: {n}" for status, n in answers)
            part = done / max(tried, 1)
            lines.append(f"  {method}: {done} of {tried} accepted ({part:.0%}); {answers}")
    done, tried = share("PATCH", valid)
    lines.append(f"  PATCH, meant to be valid: {done} of {tried} accepted")
    print(*lines, sep="\n")
    with open(ANSWERS, "w", encoding="utf-8") as file:
        print(*lines, sep="\n", file=file)
