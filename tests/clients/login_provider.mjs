// An OpenID Connect provider on loopback for `cognate login`: a public client with loopback redirects, device codes, refresh
// tokens that rotate, revocation, and ID tokens of five seconds.
// node login_provider.mjs CLIENT_ID; prints "issuer URL" once it serves, and "revoked" for each revocation.

import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const [clientId] = process.argv.slice(2);
const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });

const server = createServer();
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: clientId,
      application_type: "native",
      redirect_uris: ["http://127.0.0.1/callback"],
      token_endpoint_auth_method: "none",
      grant_types: ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
    },
  ],
  jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), kid: "one", use: "sig" }] },
  cookies: { keys: ["only for tests"] },
  features: { deviceFlow: { enabled: true }, revocation: { enabled: true } },
  issueRefreshToken: () => true,
  pkce: { required: () => true },
  rotateRefreshToken: () => true,
  ttl: { IdToken: 5, RefreshToken: 3600 },
});
provider.on("grant.revoked", () => console.log("revoked"));
provider.on("refresh_token.consumed", () => console.log("refreshed"));
server.on("request", provider.callback());
console.log(`issuer ${issuer}`);
