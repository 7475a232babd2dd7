#!/usr/bin/env python3
"""Writes an OCI image layout with one layer, without an engine: `image.py ROOT LAYOUT VERSION`.

ROOT has the static binary `cognate` and `ca-certificates.crt`. The image is what docker/Dockerfile makes. The same input
gives the same bytes.
"""

import gzip
import hashlib
import io
import json
import platform
import sys
import tarfile
from pathlib import Path

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
USER = 65532
MADE = "1970-01-01T00:00:00Z"


def entry(name, mode, size=0, kind=tarfile.REGTYPE, owner=0):
    member = tarfile.TarInfo(name)
    member.mode, member.size, member.type = mode, size, kind
    member.uid = member.gid = owner
    return member


def layer(root):
    """The layer's uncompressed bytes."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for folder in ("etc", "etc/ssl", "etc/ssl/certs"):
            tar.addfile(entry(folder, 0o755, kind=tarfile.DIRTYPE))
        # Any user may be chosen when the container starts, so all may write.
        tar.addfile(entry("data", 0o1777, kind=tarfile.DIRTYPE, owner=USER))
        tar.addfile(entry("tmp", 0o1777, kind=tarfile.DIRTYPE))
        for name, source, mode in (
            ("cognate", "cognate", 0o755),
            ("etc/ssl/certs/ca-certificates.crt", "ca-certificates.crt", 0o644),
        ):
            content = (root / source).read_bytes()
            tar.addfile(entry(name, mode, len(content)), io.BytesIO(content))
    return data.getvalue()


def main():
    root, layout, version = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    blobs = layout / "blobs/sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    architecture = ARCHITECTURES[platform.machine()]

    def add(content, media_type):
        digest = hashlib.sha256(content).hexdigest()
        (blobs / digest).write_bytes(content)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}

    def add_json(value, media_type):
        return add(json.dumps(value, sort_keys=True).encode(), media_type)

    plain = layer(root)
    packed = add(gzip.compress(plain, mtime=0), "application/vnd.oci.image.layer.v1.tar+gzip")
    config = add_json(
        {
            "created": MADE,
            "architecture": architecture,
            "os": "linux",
            "config": {
                "User": f"{USER}:{USER}",
                "ExposedPorts": {"2646/tcp": {}},
                "Env": ["COGNATE_LISTEN=0.0.0.0:2646", "COGNATE_DATA_DIR=/data/cognate"],
                "Entrypoint": ["/cognate"],
                "Cmd": ["serve"],
                "Volumes": {"/data": {}},
                "Labels": {
                    "org.opencontainers.image.title": "cognate",
                    "org.opencontainers.image.version": version,
                    "org.opencontainers.image.licenses": "Apache-2.0",
                },
            },
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(plain).hexdigest()}"]},
            "history": [{"created": MADE, "created_by": "packaging/image.py"}],
        },
        "application/vnd.oci.image.config.v1+json",
    )
    manifest = add_json(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": config,
            "layers": [packed],
        },
        "application/vnd.oci.image.manifest.v1+json",
    )
    manifest["platform"] = {"architecture": architecture, "os": "linux"}
    manifest["annotations"] = {"org.opencontainers.image.ref.name": version}
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [manifest]}
    (layout / "index.json").write_text(json.dumps(index, sort_keys=True))
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


if __name__ == "__main__":
    main()
