// The script of the page in Chromium.

import * as amplify from "./amplify.mjs";
import * as sdk from "./sdk.mjs";

globalThis.answer = sdk.answer;
globalThis.amplify = amplify.answer;

/** A request without any SDK: what a page may see of its answer. */
globalThis.see = async ({ url, headers, body }) => {
  try {
    const response = await fetch(url, { method: body ? "POST" : "GET", headers, body });
    return { status: response.status, headers: Object.fromEntries(response.headers), body: await response.text() };
  } catch (error) {
    return { hidden: String(error) };
  }
};
