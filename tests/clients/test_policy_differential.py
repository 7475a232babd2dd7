"""The policy evaluator beside moto's, on generated policies of all that moto's enforcement understands: effects, actions
and resources with `*`, several statements. Each disagreement has an explanation here, or the test fails.
"""

import json
import random
import re
import secrets
from collections import Counter

import pytest
from moto.iam.access_control import IAMPolicy, PermissionResult

SEED = 20261123
POLICIES = 150

ACTIONS = ["s3:GetObject", "s3:GetObjectAcl", "s3:PutObject", "s3:ListBucket", "iam:GetRole", "sqs:SendMessage"]
RESOURCES = [
    "arn:aws:s3:::media/a",
    "arn:aws:s3:::media/public/a",
    "arn:aws:s3:::other/media/a",
    "arn:aws:sqs:eu-west-1:123456789012:queue",
    "arn:aws:sqs:eu-west-1:123456789012:queue:sub",
    "arn:aws:iam::123456789012:role/media/User",
]

DECISIONS = {
    PermissionResult.PERMITTED: "allowed",
    PermissionResult.DENIED: "explicitDeny",
    PermissionResult.NEUTRAL: "implicitDeny",
}


def action(pick):
    """An action of a policy: as it is, with a star somewhere, or in other capitals."""
    name = pick.choice(ACTIONS)
    at = pick.randrange(len(name.split(":")[0]) + 1, len(name))
    forms = [name, name[:at] + "*", name[:at] + "*" + name[at + 2 :], name.split(":")[0] + ":*", "*", name.upper()]
    return pick.choice(forms)


def resource(pick):
    """A resource of a policy: as it is, with a star for some of its last part, or with a star for a whole segment.

    Stars in front of the region are no policy for Cognate, nor for IAM.
    """
    name = pick.choice(RESOURCES)
    parts = name.split(":", 5)
    last = len(name) - len(parts[5])
    begin = pick.randrange(last, len(name))
    end = pick.randrange(begin, len(name))
    parts[pick.choice([3, 4])] = "*"
    # Its star would have to stand for the end of the region and the beginning of the account.
    across = "arn:aws:sqs:e*2:queue:sub"
    return pick.choice([name, name[:begin] + "*", name[:begin] + "*" + name[end:], ":".join(parts), "*", across])


def some(pick, make):
    made = [make(pick) for _ in range(pick.randint(1, 3))]
    return made[0] if len(made) == 1 and pick.random() < 0.5 else made


def policy(pick):
    def statement():
        name = "NotAction" if pick.random() < 0.2 else "Action"
        effect = pick.choice(["Allow", "Allow", "Deny"])
        return {"Effect": effect, name: some(pick, action), "Resource": some(pick, resource)}

    statements = [statement() for _ in range(pick.randint(1, 4))]
    return {"Version": "2012-10-17", "Statement": statements}


def by_moto(document, asked, target):
    return DECISIONS[IAMPolicy(json.dumps(document)).is_action_permitted(asked, target)]


def by_cognate(iam, role, document):
    """The decision on each action and resource."""
    pages = iam.get_paginator("simulate_principal_policy").paginate(
        PolicySourceArn=role,
        PolicyInputList=[json.dumps(document)],
        ActionNames=ACTIONS,
        ResourceArns=RESOURCES,
    )
    results = [one for page in pages for one in page["EvaluationResults"]]
    return {(one["EvalActionName"], one["EvalResourceName"]): one["EvalDecision"] for one in results}


def mapped(document, actions, resources):
    """The same policy with other texts."""

    def changed(value, change):
        return [change(one) for one in value] if isinstance(value, list) else change(value)

    changes = {"Action": actions, "NotAction": actions, "Resource": resources}
    return document | {
        "Statement": [
            {name: changed(value, changes[name]) if name in changes else value for name, value in statement.items()}
            for statement in document["Statement"]
        ]
    }


def of_one_case(document, asked, target):
    """IAM doesn't tell capitals of actions apart; moto does."""
    return by_moto(mapped(document, str.lower, str), asked.lower(), target)


def within_segments(document, asked, target):
    """In front of an ARN's last part a star stays between two colons, unless it is the last of its part; moto's stands
    for anything. Capitals as above, since both may play a part.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
    """

    def bound(text):
        *parts, last = text.split(":", 5)
        within = [re.sub(r"\*(?!$)", "[^:]*", part).replace("[^:]*", "\0").replace("*", ".*") for part in parts]
        return ":".join([*within, last.replace("*", ".*")]).replace("\0", "[^:]*")

    lowered = mapped(document, str.lower, str)
    for one in lowered["Statement"]:
        resources = one["Resource"] if isinstance(one["Resource"], list) else [one["Resource"]]
        matches = any(text == "*" or re.fullmatch(bound(text), target) for text in resources)
        one["Resource"] = "*" if matches else "arn:aws:nothing"
    return by_moto(lowered, asked.lower(), target)


EXPLANATIONS = [of_one_case, within_segments]


@pytest.fixture
def role(server, pools):
    """A role without policies: what is simulated comes with the request."""
    iam, name = server.client("iam"), f"Compared-{secrets.token_hex(4)}"
    trust = {"Effect": "Allow", "Principal": {"AWS": pools.account}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": trust})
    yield iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    iam.delete_role(RoleName=name)


def test_the_evaluator_agrees_with_motos_or_it_is_known_why(server, role):
    pick, iam = random.Random(SEED), server.client("iam")
    seen, unexplained = Counter(), []
    for _ in range(POLICIES):
        document = policy(pick)
        for (asked, target), ours in by_cognate(iam, role, document).items():
            theirs = by_moto(document, asked, target)
            if ours == theirs:
                seen[f"both say {ours}"] += 1
                continue
            why = next((it for it in EXPLANATIONS if it(document, asked, target) == ours), None)
            if why:
                seen[f"explained by {why.__name__}"] += 1
            else:
                unexplained.append((document, asked, target, ours, theirs))
    print(dict(seen))
    assert not unexplained, f"{len(unexplained)}, the first: {unexplained[0]}"
    assert sum(seen.values()) == POLICIES * len(ACTIONS) * len(RESOURCES)
    # The comparison is worth something: everything occurs, and disagreement is rare.
    assert all(seen[f"both say {decision}"] > 200 for decision in DECISIONS.values())
    assert all(seen[f"explained by {it.__name__}"] > 0 for it in EXPLANATIONS)
