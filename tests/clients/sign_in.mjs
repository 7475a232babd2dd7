// An app on an origin of its own: its button signs a user in at the test issuer (authorization code with PKCE), and the page
// that the browser comes back to shows the user's identity. With ?silent, it tries to sign in without a person.

import { fromCognitoIdentityPool } from "@aws-sdk/credential-provider-cognito-identity";

const { issuer, endpoint, pool, otherPool } = await (await fetch("settings.json")).json();
const here = location.origin + location.pathname;
const encoded = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/[+/=]/g, (c) => ({ "+": "-", "/": "_", "=": "" })[c]);
const show = (text) => { document.querySelector("pre").textContent += `${text}\n`; };

async function request(more) {
  const verifier = encoded(crypto.getRandomValues(new Uint8Array(32)));
  const challenge = encoded(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier)));
  const { authorization_endpoint } = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json();
  sessionStorage.setItem("verifier", verifier);
  return `${authorization_endpoint}?${new URLSearchParams({
    client_id: "demo", response_type: "code", scope: "openid", redirect_uri: here, state: "s",
    code_challenge: challenge, code_challenge_method: "S256", ...more,
  })}`;
}

async function identity(identityPoolId, token) {
  const clientConfig = { region: pool.split(":")[0], endpoint };
  const logins = { [issuer.replace("http://", "")]: token };
  return (await fromCognitoIdentityPool({ identityPoolId, clientConfig, logins })()).identityId;
}

async function redeem(code) {
  const { token_endpoint } = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json();
  const body = new URLSearchParams({
    grant_type: "authorization_code", code, client_id: "demo", redirect_uri: here,
    code_verifier: sessionStorage.getItem("verifier"),
  });
  const { id_token } = await (await fetch(token_endpoint, { method: "POST", body })).json();
  show(`signed in: ${await identity(pool, id_token)}`);
  await identity(otherPool, id_token).then((id) => show(`other pool: ${id}`), (error) => show(`other pool: ${error.message}`));
  show("done");
}

/** What a frame ends up with: the parameters that came back to this origin, or nothing that can be read. */
function framed(url, form) {
  const frame = document.createElement("iframe");
  frame.name = `frame-${Math.random()}`;
  document.body.append(frame);
  const loaded = new Promise((resolve) => { setTimeout(resolve, 1500); });
  if (form) {
    const sent = Object.assign(document.createElement("form"), { method: "post", action: url.split("?")[0], target: frame.name });
    for (const [name, value] of [...new URL(url).searchParams, ["sub", "alice"], ["decision", "allow"]]) {
      sent.append(Object.assign(document.createElement("input"), { name, value }));
    }
    document.body.append(sent);
    sent.submit();
  } else {
    frame.src = url;
  }
  return loaded.then(() => {
    try {
      const back = new URL(frame.contentWindow.location.href).searchParams;
      return back.get("code") ? "a code" : back.get("error") ?? "nothing";
    } catch {
      return "nothing";
    }
  });
}

async function silently() {
  show(`prompt none: ${await framed(await request({ prompt: "none" }))}`);
  show(`frame: ${await framed(await request({}))}`);
  show(`form: ${await framed(await request({}), true)}`);
  const fetched = fetch(await request({ prompt: "none" })).then((answer) => answer.text());
  show(`fetch: ${await fetched.then((text) => (text.includes("code=") ? "a code" : "a page"), () => "nothing")}`);
  const made = fetch(`${issuer}/id-token`, {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ sub: "alice" }),
  });
  show(`made: ${await made.then((answer) => answer.text(), () => "nothing")}`);
  show("done");
}

const parameters = new URLSearchParams(location.search);
if (parameters.has("code")) await redeem(parameters.get("code"));
else if (parameters.has("silent")) await silently();
else document.querySelector("button").onclick = async () => { location = await request({ login_hint: "alice" }); };
