// Answers the tests' questions in Node: a JSON object a line in, one a line out.

import { createInterface } from "node:readline";
import { answer } from "./sdk.mjs";

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await answer(JSON.parse(line))));
}
