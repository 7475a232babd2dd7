"""Programs on unmodified clients of S3, which have nothing but variables or a profile: what each of them can do, and what a
person sees where it is refused. docs/keys-without-code.md has the same as two tables, which a test compares.

Each program reads lines. It stores each line as the object FOLDER/note of the bucket `homes` at STORE, reads the object again
and prints it. So one client lives as long as its standard input.
"""

from dataclasses import dataclass

from surroundings import CALLER, NODE, PYTHON, RUST_CLIENT

BOTO3 = """
import boto3, os, sys
s3 = boto3.client("s3", region_name="us-east-1")
key = os.environ["FOLDER"] + "/note"
for line in sys.stdin:
    s3.put_object(Bucket="homes", Key=key, Body=line.encode())
    print(s3.get_object(Bucket="homes", Key=key)["Body"].read().decode(), end="", flush=True)
"""

OBSTORE = """
import os, sys, obstore
from obstore.store import S3Store
store = S3Store("homes", endpoint=os.environ["STORE"], region="us-east-1", client_options={"allow_http": True})
key = os.environ["FOLDER"] + "/note"
for line in sys.stdin:
    obstore.put(store, key, line.encode())
    print(bytes(obstore.get(store, key).bytes()).decode(), end="", flush=True)
"""

OPENDAL = """
import os, sys, opendal
store = opendal.Operator("s3", bucket="homes", endpoint=os.environ["STORE"], region="us-east-1")
key = os.environ["FOLDER"] + "/note"
for line in sys.stdin:
    store.write(key, line.encode())
    print(bytes(store.read(key)).decode(), end="", flush=True)
"""

MINIO = """
import io, os, sys
from minio import Minio
from minio.credentials import IamAwsProvider
from urllib.parse import urlsplit
host = urlsplit(os.environ["STORE"]).netloc
store = Minio(endpoint=host, secure=False, region="us-east-1", credentials=IamAwsProvider())
key = os.environ["FOLDER"] + "/note"
for line in sys.stdin:
    store.put_object(bucket_name="homes", object_name=key, data=io.BytesIO(line.encode()), length=len(line))
    print(store.get_object(bucket_name="homes", object_name=key).read().decode(), end="", flush=True)
"""

PYARROW = """
import os, sys
from pyarrow import fs
store = fs.S3FileSystem(endpoint_override=os.environ["STORE"], scheme="http", region="us-east-1")
path = "homes/" + os.environ["FOLDER"] + "/note"
for line in sys.stdin:
    with store.open_output_stream(path) as stream:
        stream.write(line.encode())
    with store.open_input_stream(path) as stream:
        print(stream.read().decode(), end="", flush=True)
"""

DUCKDB = """
import duckdb, os, sys
from pathlib import Path
from urllib.parse import urlsplit
import duckdb_extension_aws, duckdb_extension_httpfs
database = duckdb.connect()
database.sql("SET enable_progress_bar = false")
for package in (duckdb_extension_httpfs, duckdb_extension_aws):
    database.load_extension(str(next(Path(package.__path__[0]).rglob("*.duckdb_extension"))))
store = urlsplit(os.environ["STORE"]).netloc
options = f"PROVIDER credential_chain, ENDPOINT '{store}', USE_SSL false, URL_STYLE 'path', REGION 'us-east-1', REFRESH auto"
database.sql(f"CREATE SECRET (TYPE s3, {options})")
url = "s3://homes/" + os.environ["FOLDER"] + "/note"
for line in sys.stdin:
    database.sql(f"COPY (SELECT '{line.strip()}' AS word) TO '{url}' (FORMAT csv, HEADER false)")
    print(database.sql(f"SELECT * FROM read_csv('{url}', header = false, all_varchar = true)").fetchone()[0], flush=True)
"""

JAVASCRIPT = """
import { createInterface } from "node:readline";
import { GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
const s3 = new S3Client({ region: "us-east-1", endpoint: process.env.STORE });
const place = { Bucket: "homes", Key: `${process.env.FOLDER}/note` };
for await (const line of createInterface({ input: process.stdin })) {
  await s3.send(new PutObjectCommand({ ...place, Body: line }));
  console.log(await (await s3.send(new GetObjectCommand(place))).Body.transformToString());
}
"""

# Each command is a process, and so a client, of its own.
AWS_CLI = """
while read -r line; do
    echo "$line" >note
    aws s3 cp --quiet note "s3://homes/$FOLDER/note"
    aws s3 cp --quiet "s3://homes/$FOLDER/note" -
done
"""

# One rclone runs, and takes commands.
RCLONE = """
export RCLONE_CONFIG_LAKE_TYPE=s3 RCLONE_CONFIG_LAKE_PROVIDER=Other RCLONE_CONFIG_LAKE_ENV_AUTH=true
export RCLONE_CONFIG_LAKE_ENDPOINT=$STORE RCLONE_CONFIG_LAKE_REGION=us-east-1 RCLONE_CONFIG_LAKE_NO_CHECK_BUCKET=true
export RCLONE_CONFIG_LAKE_NO_HEAD=true RCLONE_CONFIG_LAKE_NO_HEAD_OBJECT=true AWS_SDK_LOAD_CONFIG=1
# The SDK in Debian's rclone reads the token from a variable only.
if [ -n "${AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE:-}" ]; then
    export AWS_CONTAINER_AUTHORIZATION_TOKEN=$(cat "$AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
fi
rclone rcd --rc-no-auth --rc-addr 127.0.0.1:0 2>rclone.log &
trap 'cat rclone.log >&2; kill %1' EXIT
until url=$(sed -n 's,.*\\(http://127.0.0.1:[0-9]*\\)/.*,\\1,p' rclone.log) && [ -n "$url" ]; do sleep 0.05; done
copy() { rclone rc --url "$url/" sync/copy "srcFs=$1" "dstFs=$2" >rclone.out; }
while read -r line; do
    mkdir -p there back && echo "$line" >there/note && rm -f back/note
    copy "$PWD/there" "LAKE:homes/$FOLDER"
    copy "LAKE:homes/$FOLDER" "$PWD/back"
    cat back/note
done
"""

HTTP, HTTPS, PROFILE, AGENT = WAYS = ("http", "https, private CA", "profile", "agent")
"""The ways to credentials: container credentials of the server on this machine and of a server with a private CA,
`credential_process`, and the agent."""

CERTIFICATES = "SSL_CERT_FILE"


@dataclass(frozen=True, eq=False)
class Client:
    """A client of S3: its program, the variable that names the file of a private CA, and what it can't do."""

    name: str
    command: list
    refused: str
    """Words that a person sees if the server refuses the token."""
    shows: str
    """What a person sees then, for the table."""
    authority: str | None = None
    reads_profiles: bool = True
    is_large: bool = False
    """Whether it is installed for the full tests only."""
    has_own_clock: bool = False
    """Whether its clock can't be stepped: Go doesn't ask the C library for the time."""
    remark: str = ""

    def can(self, way):
        return {HTTPS: self.authority is not None, PROFILE: self.reads_profiles}.get(way, True)

    def row(self):
        """Its row in the table of the page."""
        words = {HTTPS: f"`{self.authority}`"}
        return [self.name, *(words.get(way, "yes") if self.can(way) else "no" for way in WAYS), self.remark or "-"]


def _python(script):
    return [PYTHON, "-c", script]


_BY_CERTIFI = "https only with a certificate that certifi trusts"
_WHOLE = "the status and the whole refusal"

ALL = [
    Client("boto3", _python(BOTO3), "must be an ID token", f"{_WHOLE}, after three tries", remark=_BY_CERTIFI),
    Client(
        "AWS CLI", ["bash", "-euo", "pipefail", "-c", AWS_CLI], "must be an ID token", f"{_WHOLE}, after three tries",
        remark=_BY_CERTIFI,
    ),
    Client(
        "JavaScript SDK", [NODE, "--input-type=module", "-e", JAVASCRIPT], "Could not load credentials from any providers",
        "`Could not load credentials from any providers`, after four tries", authority="NODE_EXTRA_CA_CERTS",
    ),
    Client("Rust SDK", [RUST_CLIENT, "store"], "StatusCode(401)", "the status", authority=CERTIFICATES),
    Client(
        "obstore (object_store)", _python(OBSTORE), "must be an ID token", _WHOLE, authority=CERTIFICATES,
        reads_profiles=False, remark="needs the token in a file, and the endpoint in its options",
    ),
    Client(
        "OpenDAL", _python(OPENDAL), "failed to load signing credential", "`failed to load signing credential`",
        authority=CERTIFICATES, reads_profiles=False,
    ),
    Client(
        "minio-py", _python(MINIO), "401", "the URL and the status", authority=CERTIFICATES, reads_profiles=False,
        remark="`IamAwsProvider`",
    ),
    Client(
        "PyArrow", _python(PYARROW), "ACCESS_DENIED", "the store's `ACCESS_DENIED`: it goes on without a signature",
        authority=CERTIFICATES, is_large=True,
    ),
    Client(
        "DuckDB", _python(DUCKDB), "Secret Validation Failure", "`Secret Validation Failure` when the secret is made",
        is_large=True, remark="`PROVIDER credential_chain` and `REFRESH auto`; the store's endpoint is in the secret",
    ),
    Client(
        "rclone", ["bash", "-euo", "pipefail", "-c", RCLONE], "NoCredentialProviders", "`NoCredentialProviders`",
        authority=CERTIFICATES, is_large=True, has_own_clock=True,
        remark="`env_auth`; Debian's 1.60 reads `AWS_CONTAINER_AUTHORIZATION_TOKEN` only, and hosts of this machine only",
    ),
]

INSTALLED = [client for client in ALL if CALLER.get("COGNATE_TEST_FULL") == "1" or not client.is_large]
