"""SAML identity providers that nobody of this project wrote: pysaml2 and the npm package samlify.

They make the responses that a browser would post; what is signed, and how, is their own doing.
"""

import base64
import contextlib
import datetime
import functools
import json
from unittest import mock

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from saml2 import BINDING_HTTP_POST, entity, saml, xmldsig
from saml2.config import IdPConfig
from saml2.metadata import entity_descriptor
from saml2.server import Server

from programs import run
from surroundings import HERE, NODE, environment

AUDIENCE = "urn:amazon:webservices"
RECIPIENT = "https://signin.aws.amazon.com/saml"

_SERVICE_METADATA = f"""<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{{audience}}">
<SPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol" WantAssertionsSigned="true">
<NameIDFormat>urn:oasis:names:tc:SAML:2.0:nameid-format:persistent</NameIDFormat>
<AssertionConsumerService Binding="{BINDING_HTTP_POST}" Location="{RECIPIENT}" index="0"/>
</SPSSODescriptor></EntityDescriptor>"""


def new_key(folder):
    """Writes an RSA key and its certificate into `folder`; gives the paths."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "idp.example")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = x509.CertificateBuilder(
        issuer_name=name,
        subject_name=name,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now,
        not_valid_after=now + datetime.timedelta(days=1),
    ).sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    key_file, certificate_file = folder / "key.pem", folder / "certificate.pem"
    key_file.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    certificate_file.write_bytes(certificate.public_bytes(pem))
    return key_file, certificate_file


class Pysaml2:
    """pysaml2, which signs with xmlsec1: the assertion, the response, or both."""

    def __init__(self, folder, sign_response=False, sign_assertion=True, encrypts_for=None, content="aes256-gcm"):
        folder.mkdir()
        key, certificate = new_key(folder)
        self._signs = {"sign_response": sign_response, "sign_assertion": sign_assertion}
        self._encrypts_for, self._content = encrypts_for, content
        others = [_SERVICE_METADATA.format(audience=audience) for audience in (AUDIENCE, "urn:other")]
        service = {
            "endpoints": {"single_sign_on_service": [("https://idp.example/sso", BINDING_HTTP_POST)]},
            "policy": {"default": {"lifetime": {"minutes": 5}, "attribute_restrictions": None}},
            "name_id_format": [saml.NAMEID_FORMAT_PERSISTENT],
        }
        settings = {
            "entityid": f"https://idp.example/{folder.name}",
            "key_file": str(key),
            "cert_file": str(certificate),
            "xmlsec_binary": "/usr/bin/xmlsec1",
            "metadata": {"inline": others},
            "service": {"idp": service},
        }
        self._server = Server(config=IdPConfig().load(settings))

    def metadata(self):
        return str(entity_descriptor(self._server.config))

    def login(self, user, audience=AUDIENCE, **attributes):
        """A fresh response for `user`, as it stands in a `Logins` map."""
        encryption = {}
        if self._encrypts_for:
            encryption = {
                "encrypt_assertion": True,
                "encrypt_assertion_self_contained": True,
                "encrypt_cert_assertion": self._encrypts_for.read_text(),
            }
        with self._gcm():
            response = self._response(user, audience, attributes, encryption)
        return base64.b64encode(str(response).encode()).decode()

    @contextlib.contextmanager
    def _gcm(self):
        """Lets the package encrypt with AES-GCM; it has no setting for it, and its default is 3DES."""
        part = functools.partial(entity.pre_encryption_part, msg_enc=f"http://www.w3.org/2009/xmlenc11#{self._content}")
        backend = self._server.sec.crypto
        bits = self._content[3:6]
        encrypt = functools.partial(type(backend).encrypt_assertion, backend)

        def with_aes(statement, enc_key, template, key_type, node_xpath=None):
            return encrypt(statement, enc_key, template, f"aes-{bits}", node_xpath)

        with mock.patch.object(entity, "pre_encryption_part", part):
            with mock.patch.object(backend, "encrypt_assertion", with_aes):
                yield

    def _response(self, user, audience, attributes, encryption):
        return self._server.create_authn_response(
            attributes,
            in_response_to=None,
            destination=RECIPIENT,
            sp_entity_id=audience,
            name_id=saml.NameID(format=saml.NAMEID_FORMAT_PERSISTENT, text=user),
            authn={"class_ref": saml.AUTHN_PASSWORD},
            sign_alg=xmldsig.SIG_RSA_SHA256,
            digest_alg=xmldsig.DIGEST_SHA256,
            **self._signs,
            **encryption,
        )


class Samlify:
    """samlify, which signs the assertion, or the response too, with xml-crypto, and encrypts with xml-encryption."""

    def __init__(self, folder, sign_response=False, encrypts_for=None, content="aes256-gcm"):
        folder.mkdir()
        self._folder = folder
        key, certificate = new_key(folder)
        self._settings = {
            "entityID": f"https://idp.example/{folder.name}",
            "key": key.read_text(),
            "certificate": certificate.read_text(),
            "recipient": RECIPIENT,
            "signsResponse": sign_response,
            "content": f"http://www.w3.org/2009/xmlenc11#{content}",
        }
        if encrypts_for:
            self._settings["encryptsFor"] = encrypts_for.read_text()

    def _ask(self, **question):
        question = json.dumps(self._settings | question)
        answer = run([NODE, HERE / "saml_provider.mjs", question], environment(self._folder), cwd=HERE)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    def metadata(self):
        return self._ask()

    def login(self, user, audience=AUDIENCE, **attributes):
        """A fresh response for `user`, as it stands in a `Logins` map."""
        return self._ask(user=user, audience=audience, attributes=attributes)
