#!/usr/bin/env node
// Runs the binary of this package with the same arguments, and ends as it ends.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const binary = fileURLToPath(new URL("cognate", import.meta.url));
const child = spawn(binary, process.argv.slice(2), { stdio: "inherit" });
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => child.kill(signal));
}
child.on("error", (error) => {
  console.error(`cognate can't be run: ${error.message}`);
  process.exitCode = 1;
});
child.on("exit", (status, signal) => {
  process.exitCode = status ?? (signal ? 1 : 0);
});
