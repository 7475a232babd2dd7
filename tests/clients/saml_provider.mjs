// A SAML identity provider: the npm package samlify with its own template of a response.
// node saml_provider.mjs SETTINGS; prints the metadata, or with a user in the settings the response, in base64.

import { randomUUID } from "node:crypto";
import samlify from "samlify";

const settings = JSON.parse(process.argv[2]);
// Only whoever reads messages needs a validator.
samlify.setSchemaValidator({ validate: async () => "skipped" });

const post = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST";
const attributes = Object.entries(settings.attributes ?? {});
const persistent = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";
const provider = samlify.IdentityProvider({
  entityID: settings.entityID,
  privateKey: settings.key,
  signingCert: settings.certificate,
  requestSignatureAlgorithm: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
  nameIDFormat: [persistent],
  isAssertionEncrypted: settings.encryptsFor !== undefined,
  dataEncryptionAlgorithm: settings.content,
  keyEncryptionAlgorithm: "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p",
  singleSignOnService: [{ Binding: post, Location: "https://idp.example/sso" }],
  loginResponseTemplate: {
    context: samlify.SamlLib.defaultLoginResponseTemplate.context,
    attributes: attributes.map(([name], at) => ({
      name,
      valueTag: `value${at}`,
      nameFormat: "urn:oasis:names:tc:SAML:2.0:attrname-format:uri",
      valueXsiType: "xs:string",
    })),
  },
});

function filled(template) {
  const now = Date.now();
  const moment = (at) => new Date(at).toISOString();
  const values = {
    ID: `_${randomUUID()}`,
    AssertionID: `_${randomUUID()}`,
    Destination: settings.recipient,
    Audience: settings.audience,
    SubjectRecipient: settings.recipient,
    AssertionConsumerServiceURL: settings.recipient,
    EntityID: settings.audience,
    Issuer: settings.entityID,
    IssueInstant: moment(now),
    StatusCode: "urn:oasis:names:tc:SAML:2.0:status:Success",
    ConditionsNotBefore: moment(now),
    ConditionsNotOnOrAfter: moment(now + 300_000),
    SubjectConfirmationDataNotOnOrAfter: moment(now + 300_000),
    NameIDFormat: persistent,
    NameID: settings.user,
    InResponseTo: "",
    AttributeStatement: "",
    ...Object.fromEntries(attributes.map(([, value], at) => [`attrValue${at}`, value])),
  };
  // The package leaves this out unless its template has it.
  const login =
    `<saml:AuthnStatement AuthnInstant="${moment(now)}"><saml:AuthnContext><saml:AuthnContextClassRef>` +
    "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport" +
    "</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>";
  const context = samlify.SamlLib.replaceTagsByValue(template.replace("{AuthnStatement}", login), values);
  return { id: values.ID, context };
}

if (settings.user === undefined) {
  process.stdout.write(provider.getMetadata());
} else {
  const service = samlify.ServiceProvider({
    entityID: settings.audience,
    wantAssertionsSigned: true,
    wantMessageSigned: settings.signsResponse,
    encryptCert: settings.encryptsFor,
    assertionConsumerService: [{ Binding: post, Location: settings.recipient }],
  });
  // A signature of the response covers what is encrypted in it.
  const encryptThenSign = settings.encryptsFor !== undefined;
  const options = { customTagReplacement: filled, encryptThenSign };
  const { context } = await provider.createLoginResponse(service, {}, "post", { email: settings.user }, options);
  process.stdout.write(context);
}
