// Answers the tests' questions in a page of headless Chromium: a JSON object a line in, one a line out.
// node in_chromium.mjs CHROMIUM USER_DATA_DIR. A question names a page and what is to
// be called there; or nothing to be called, where the page's text is wanted once it has one. Buttons of the page may be
// pressed first, and fields be filled in (a pair of placeholder and text), and the text of the page that follows may be waited for.

import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const [executablePath, userData] = process.argv.slice(2);
const context = await chromium.launchPersistentContext(userData, {
  executablePath,
  headless: true,
  args: [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});

for await (const line of createInterface({ input: process.stdin })) {
  const { page: url, call, argument, press, until } = JSON.parse(line);
  const page = await context.newPage();
  page.on("console", (message) => console.error(`console: ${message.text()}`));
  page.on("pageerror", (error) => console.error(`page: ${error.stack}`));
  await page.goto(url);
  for (const step of press ?? []) {
    if (Array.isArray(step)) await page.getByPlaceholder(step[0]).fill(step[1]);
    else await page.getByRole("button", { name: step }).click();
  }
  const answer = until
    ? await (await page.waitForFunction((text) => {
        const shown = document.body?.innerText ?? "";
        return new RegExp(text).test(shown) && shown;
      }, until)).jsonValue()
    : call
    ? await page.evaluate(([name, given]) => globalThis[name](given), [call, argument])
    : await (await page.waitForFunction(() => document.body.innerText.trim())).jsonValue();
  console.log(JSON.stringify(answer));
  await page.close();
}
await context.close();
