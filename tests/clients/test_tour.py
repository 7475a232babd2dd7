"""How the tour of a document is taken."""

import pytest

from tour import WRITTEN, blocks, take

DOCUMENT = f"""
```sh
false
```

```sh tour
export AWS_ENDPOINT_URL=http://{WRITTEN} AWS_DEFAULT_REGION=us-east-1
POOL=us-east-1:c09a7e00-0000-4000-8000-000000000001
```

```python tour
import os
print(os.environ["AWS_DEFAULT_REGION"], "POOL" in os.environ)
```

```js tour
console.log(process.version.split(".")[0]);
```

```sh tour
aws cognito-identity get-id --no-sign-request --identity-pool-id $POOL --query IdentityId
```
"""


def test_blocks_run_in_order_and_share_a_shell(own_server):
    printed = take(DOCUMENT, own_server(command="dev"))
    assert printed[:3] == ["", "us-east-1 False\n", "v22\n"]
    assert printed[3].startswith('"us-east-1:')


def test_a_block_that_fails_ends_the_tour(own_server):
    document = "```sh tour\nfalse\n```\n\n```sh tour\ntouch on\n```\n"
    server = own_server(command="dev")
    with pytest.raises(AssertionError, match="the tour ended with 1"):
        take(document, server)
    assert not (server.folder / "on").exists()


def test_a_block_that_nobody_can_run_is_a_failure():
    with pytest.raises(AssertionError, match="fortran"):
        blocks("```fortran tour\n```\n")
