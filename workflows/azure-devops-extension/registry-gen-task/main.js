// Installs registry-gen into an environment of its own and runs one command of it. No shell reads anything here, and no
// package is needed: the agent hands inputs over as variables.
"use strict";

const { spawnSync } = require("node:child_process");
const path = require("node:path");

const windows = process.platform === "win32";
const folder = input("WORKINGDIRECTORY") || process.env.BUILD_SOURCESDIRECTORY || process.cwd();
const environment = path.join(process.env.AGENT_TEMPDIRECTORY || folder, "registry-gen");
const bin = path.join(environment, windows ? "Scripts" : "bin");

function input(name) {
  return (process.env[`INPUT_${name}`] || "").trim();
}

function run(command, words) {
  const done = spawnSync(command, words, { cwd: folder, stdio: "inherit" });
  if (done.error) throw done.error;
  return done.status === null ? 1 : done.status;
}

function must(command, words) {
  const status = run(command, words);
  if (status !== 0) throw new Error(`${path.basename(command)} ended with ${status}.`);
}

function install() {
  const version = input("VERSION");
  const wanted = version ? [`registry-gen==${version}`] : ["--requirement", input("REQUIREMENTS") || "requirements.txt"];
  must(windows ? "python" : "python3", ["-m", "venv", "--clear", environment]);
  must(path.join(bin, "python"), ["-m", "pip", "install", "--quiet", ...wanted]);
}

function fail(message) {
  const escaped = message.replace(/%/g, "%AZP25").replace(/\r/g, "%0D").replace(/\n/g, "%0A");
  console.log(`##vso[task.complete result=Failed]${escaped}`);
  process.exitCode = 1;
}

try {
  const words = input("ARGUMENTS").split(/\r?\n/).map((line) => line.trim()).filter((line) => line);
  install();
  const status = run(path.join(bin, "registry-gen"), words);
  if (status !== 0) fail(`registry-gen ended with ${status}.`);
} catch (error) {
  fail(error.message);
}
