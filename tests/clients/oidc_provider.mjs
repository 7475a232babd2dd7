// An OpenID Connect provider on loopback: the npm package oidc-provider with its own sign-in and consent pages.
// node oidc_provider.mjs ALGORITHM CLIENT_ID REDIRECT_URI; prints "issuer URL" once it serves.

import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const [algorithm, clientId, redirectUri] = process.argv.slice(2);

function key(kid, kind, options) {
  const { privateKey } = generateKeyPairSync(kind, options);
  return { ...privateKey.export({ format: "jwk" }), kid, use: "sig" };
}

// The issuer holds the port, so the port comes first.
const server = createServer();
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: clientId,
      redirect_uris: [redirectUri],
      token_endpoint_auth_method: "none",
      id_token_signed_response_alg: algorithm,
    },
  ],
  jwks: {
    keys: [key("rsa-1", "rsa", { modulusLength: 2048 }), key("ec-1", "ec", { namedCurve: "P-256" })],
  },
  enabledJWA: { idTokenSigningAlgValues: ["RS256", "ES256"] },
  cookies: { keys: ["only for tests"] },
  pkce: { required: () => true },
});
server.on("request", provider.callback());
console.log(`issuer ${issuer}`);
