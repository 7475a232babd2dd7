"""The pages about clients, tests, Keycloak and moto: their blocks, run as they stand."""

import re
import shlex
import shutil
import socket
import sys
import textwrap

import pytest
import yaml

from keycloak import Keycloak
from programs import Program, run
from surroundings import CALLER, HERE, NODE, PROJECT, RUST_CLIENT, environment
from terraform import Terraform, missing
from tour import WRITTEN, take


def page(name):
    return (PROJECT / "docs" / name).read_text()


def block(name, words):
    """The one block of a page with these words after its fence."""
    [found] = re.findall(rf"^```{re.escape(words)}\n(.*?)^```$", page(name), re.MULTILINE | re.DOTALL)
    return found


def dev(own_server, *flags):
    """A development server, in a folder in which Node finds the packages."""
    server = own_server(*flags, command="dev")
    (server.folder / "node_modules").symlink_to(HERE / "node_modules")
    return server


def test_each_client_has_credentials(own_server):
    printed = take(page("clients.md"), dev(own_server))
    everything = "".join(printed)
    assert everything.count(":assumed-role/DemoSignedIn/CognitoIdentityCredentials") == 2
    assert len(re.findall(r"us-east-1:[0-9a-f-]{36}", "".join(printed[-2:]))) == 4


def test_the_rust_sdk_has_a_guest_by_the_code_of_the_page(own_server, tmp_path):
    code = textwrap.indent(block("clients.md", "rust"), "    ")
    assert code in (HERE / "rust/src/page.rs").read_text()
    server = dev(own_server)
    done = run([RUST_CLIENT, "page"], environment(tmp_path, AWS_ENDPOINT_URL_COGNITO_IDENTITY=server.url))
    assert re.fullmatch(r"identity=us-east-1:[0-9a-f-]{36}\n", done.stdout), done


def test_keys_come_without_code(own_server):
    printed = take(page("keys-without-code.md"), dev(own_server))
    assert "".join(printed).count(":assumed-role/DemoSignedIn/CognitoIdentityCredentials\n") == 3


@pytest.mark.skipif(bool(missing()), reason="no registry has Terraform: scripts/test reports it")
def test_terraform_makes_the_pool_of_the_page(own_server, tmp_path):
    server = dev(own_server)
    (tmp_path / "terraform").mkdir()
    terraform = Terraform(tmp_path / "terraform", server)
    text = block("clients.md", "hcl").replace(f"http://{WRITTEN}", server.url)
    text = text.replace("cognate-data/root-credentials", str(server.data / "root-credentials"))
    (tmp_path / "terraform/main.tf").write_text(text)
    assert terraform.apply() == "1 added, 0 changed, 0 destroyed"


def test_keycloaks_users_have_roles_by_a_claim(own_server):
    realm = Keycloak("https://login.example.com/realms/people")
    try:
        server = dev(own_server, "--upstream", f"login.example.com={realm.url}")
        printed = take(page("keycloak.md"), server, ID_TOKEN=realm.token("ada", roles=["user", "admin"]))
        assert "ASIA" in printed[-2]
        assert "role/Admin" in printed[-1]
        # An access token of Keycloak isn't a login.
        [pool] = [
            one["IdentityPoolId"]
            for one in server.client("cognito-identity", region="us-east-1").list_identity_pools(MaxResults=60)["IdentityPools"]
            if one["IdentityPoolName"] == "People"
        ]
        public = server.public(region="us-east-1")
        access = {realm.issuer.removeprefix("https://"): realm.token("ada", client="account", typ="Bearer")}
        with pytest.raises(public.exceptions.NotAuthorizedException):
            public.get_id(IdentityPoolId=pool, Logins=access)
    finally:
        realm.stop()


def test_users_of_a_user_pool_of_moto_have_credentials(own_server, tmp_path):
    start_moto, start_cognate = block("moto.md", "sh start").splitlines()
    # Another port, so that no server of this machine is in the way.
    command = shlex.split(start_moto.replace("5000", "0"))
    moto = Program("moto", command, tmp_path / "moto.log", env=environment(tmp_path))
    try:
        url = moto.wait_for(r"Running on (http://\S+)")[1]
        program, subcommand, *flags = shlex.split(start_cognate.replace("http://127.0.0.1:5000", url))
        assert (program, subcommand) == ("cognate", "dev")
        printed = take(page("moto.md"), dev(own_server, *flags), MOTO=url)
        assert "ASIA" in printed[-1]
    finally:
        moto.stop()


@pytest.fixture
def folder(tmp_path):
    """A folder with the examples of the page about tests."""
    for language, name in (("python", "conftest.py"), ("python", "test_app.py"), ("js", "app.test.mjs"),
                           ("rust", "tests/cognate.rs")):
        file = tmp_path / "project" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block("testing.md", f"{language} {name}"))
    (tmp_path / "project/node_modules").symlink_to(HERE / "node_modules")
    return tmp_path / "project"


def passes(command, folder):
    done = run(command, environment(folder), cwd=folder, seconds=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_pytest_fixtures_work(folder):
    assert "2 passed" in passes([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."], folder)


def test_the_node_test_works(folder):
    assert re.search(r"^# pass 1$|ℹ pass 1", passes([NODE, "--test", "app.test.mjs"], folder), re.MULTILINE)


def test_the_rust_test_works(folder):
    # Rust is found as the caller finds it.
    names = ("PATH", "HOME", "RUSTUP_HOME", "CARGO_HOME", "RUSTUP_TOOLCHAIN")
    env = environment(folder) | {name: CALLER[name] for name in names if name in CALLER}
    rustc = shutil.which("rustc", path=env["PATH"])
    assert rustc, "scripts/test needs Rust"
    built = run([rustc, "--edition", "2024", "--test", "tests/cognate.rs", "-o", "cognate-test"], env, cwd=folder)
    assert built.returncode == 0, built.stderr
    assert "1 passed" in passes(["./cognate-test"], folder)


@pytest.mark.parametrize("system", ["github", "gitlab"])
def test_the_jobs_of_ci_systems_work(system, tmp_path):
    job = yaml.safe_load(block("testing.md", f"yaml {system}"))
    if system == "github":
        job = job["jobs"]["test"]
        variables, commands = job["env"], [step["run"] for step in job["steps"] if "run" in step]
    else:
        job = job["test"]
        variables, commands = job["variables"], job["before_script"] + job["script"]
    # Another port, so that no server of this machine is in the way.
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    script = "\n".join(commands).replace(":2646", f":{port}")
    script = script.replace("cognate dev --ephemeral", f"cognate dev --ephemeral --listen 127.0.0.1:{port}")
    script = script.replace("cognate dev token", f"cognate dev token --endpoint http://127.0.0.1:{port}")
    variables = {name: value.replace(":2646", f":{port}") for name, value in variables.items()}
    env = environment(tmp_path) | variables
    done = run(["bash", "-e", "-o", "pipefail", "-c", f"trap 'kill %1' EXIT\n{script}"], env, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r'"IdentityId": "us-east-1:', done.stdout)


def test_the_first_credentials_take_a_few_seconds():
    import first_credentials

    assert first_credentials.main() == 0
