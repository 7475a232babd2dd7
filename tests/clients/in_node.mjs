// Answers the tests' questions in Node: a JSON object a line in, one a line out. node in_node.mjs MODULE

import { createInterface } from "node:readline";

const { answer } = await import(`./${process.argv[2]}`);

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await answer(JSON.parse(line))));
}
