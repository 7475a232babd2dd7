// Verifies tokens with the npm package jose and one key set, which it fetches and keeps as it sees fit: a JSON object
// {jwks, issuer, audience, token} a line in, one a line out, which tells how often the key set was fetched so far.

import { createInterface } from "node:readline";
import { createRemoteJWKSet, customFetch, jwtVerify } from "jose";

let keys;
let fetches = 0;

function counted(...request) {
  fetches += 1;
  return fetch(...request);
}

for await (const line of createInterface({ input: process.stdin })) {
  const { jwks, issuer, audience, token } = JSON.parse(line);
  keys ??= createRemoteJWKSet(new URL(jwks), { [customFetch]: counted });
  try {
    const { payload, protectedHeader } = await jwtVerify(token, keys, { issuer, audience });
    console.log(JSON.stringify({ payload, header: protectedHeader, fetches }));
  } catch (error) {
    console.log(JSON.stringify({ error: error.code, fetches }));
  }
}
