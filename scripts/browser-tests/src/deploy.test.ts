// Facts that the files of deploy/ repeat: variables, paths, ports. `scripts/validate-deploy` runs the validators of their formats.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse, parseAllDocuments } from "yaml";
import { binary, root } from "./processes.js";

const read = (path: string): string => readFileSync(join(root, path), "utf8");
const exists = (path: string): boolean => existsSync(join(root, path));

/** The variables of a process, by its own `--help`. */
function variablesOf(name: string): Set<string> {
  const [, table = ""] = execFileSync(binary(name), ["--help"], { encoding: "utf8" }).split("Environment:\n");
  return new Set(table.split("\n").map((line) => line.trim().split(" ")[0]!));
}
const KNOWN: Record<string, Set<string>> = { worker: variablesOf("worker"), gateway: variablesOf("gateway") };

/** Read by libc, and not by the process itself. */
const OF_LIBC = "MALLOC_MMAP_THRESHOLD_";

function areKnown(name: string, variables: string[]): void {
  assert(variables.length > 0, name);
  for (const variable of variables) assert(variable === OF_LIBC || KNOWN[name]!.has(variable), `${name} has no ${variable}`);
}

test("each process has its own variables", () => {
  assert(KNOWN.worker!.has("MYSQL_HOST") && !KNOWN.gateway!.has("MYSQL_HOST"));
  assert(KNOWN.gateway!.has("SSE_MAX_CLIENTS") && !KNOWN.worker!.has("SSE_MAX_CLIENTS"));
});

interface Service {
  build?: { context: string; dockerfile: string; target: string };
  environment?: Record<string, string>;
  volumes?: string[];
}
const compose = parse(read("deploy/compose/compose.yml"), { merge: true }) as {
  services: Record<string, Service & Record<string, unknown>>; secrets: Record<string, { file: string }>;
};

test("compose sets existing variables of hardened containers", () => {
  const ours = Object.values(compose.services).filter(({ build }) => build);
  assert.equal(ours.length, 4);
  for (const service of ours) {
    areKnown(service.build!.target, Object.keys(service.environment!));
    assert.deepEqual([service.read_only, service.cap_drop], [true, ["ALL"]]);
  }
});

test("compose mounts files that exist, or that the operator writes; no image and no commit holds these", () => {
  const written = ["./secrets/", "./certificates/"];
  const services = Object.values(compose.services);
  const files = [
    ...services.flatMap(({ build }) => (build ? [`${build.context}/${build.dockerfile}`] : [])),
    ...services.flatMap(({ volumes }) => volumes ?? []).map((volume) => volume.split(":")[0]!).filter((path) => path.startsWith(".")),
    ...Object.values(compose.secrets).map(({ file }) => file),
  ];
  assert(files.length >= 7);
  for (const file of files.filter((file) => !written.some((folder) => file.startsWith(folder)))) {
    assert(exists(`deploy/compose/${file}`), file);
  }
  const [dockerignore, gitignore] = [read(".dockerignore").split("\n"), read(".gitignore").split("\n")];
  for (const folder of ["secrets", "certificates"]) {
    assert(dockerignore.includes(`deploy/compose/${folder}`) && gitignore.includes(`deploy/compose/${folder}/`), folder);
  }
});

interface Pod {
  securityContext: { runAsNonRoot: boolean };
  containers: [{ env?: { name: string }[]; securityContext: object; livenessProbe: { httpGet: { port: string } } }];
}

test("kubernetes sets existing variables of pods that may do nothing", () => {
  const resources = readdirSync(join(root, "deploy/kubernetes")).filter((file) => file !== "kustomization.yaml")
    .flatMap((file) => parseAllDocuments(read(`deploy/kubernetes/${file}`)).map((document) => document.toJS()));
  const find = (kind: string, name: string) => resources.find((resource) => resource.kind === kind && resource.metadata.name === name);
  const { configMapGenerator } = parse(read("deploy/kubernetes/kustomization.yaml")) as { configMapGenerator: { name: string; literals: string[] }[] };
  assert(!resources.some(({ kind }) => kind === "Secret"));
  for (const { name, literals } of configMapGenerator) {
    const pod = find("Deployment", name).spec.template.spec as Pod;
    const [container] = pod.containers;
    areKnown(name, [...literals.map((literal) => literal.split("=")[0]!), ...(container.env ?? []).map((variable) => variable.name)]);
    assert(pod.securityContext.runAsNonRoot);
    const { readOnlyRootFilesystem, allowPrivilegeEscalation } = container.securityContext as Record<string, boolean>;
    assert.deepEqual([readOnlyRootFilesystem, allowPrivilegeEscalation], [true, false]);
    // Clients that take every connection of the public port must not have their gateway killed.
    assert.equal(container.livenessProbe.httpGet.port, "admin");
    assert(find("NetworkPolicy", name) && find("PodDisruptionBudget", name), name);
  }
  assert.deepEqual(configMapGenerator.map(({ name }) => name), ["worker", "gateway"]);
});

test("units set existing variables, and load the secrets that they name", () => {
  for (const name of ["worker", "gateway"]) {
    const unit = read(`deploy/systemd/library-dashboard-${name}.service`);
    assert.match(unit, new RegExp(`^ExecStart=/usr/lib/library-dashboard/${name}$`, "m"));
    const variables = [...unit.matchAll(/^Environment=(.*)$/gm)].flatMap(([, line]) => line!.split(" ")).map((set) => set.split("="));
    areKnown(name, variables.map(([variable]) => variable!));
    for (const [, value] of variables) {
      const secret = value!.startsWith("%d/") && value!.slice(3);
      if (secret) assert(unit.includes(`\nLoadCredential=${secret}:/etc/library-dashboard/${secret}\n`), secret);
    }
  }
});

test("the Debian package holds files that exist", () => {
  const metadata = JSON.parse(execFileSync("cargo", ["metadata", "--no-deps", "--format-version=1", "--locked", "--offline"],
    { cwd: root, encoding: "utf8" })) as { packages: { name: string; metadata: { deb: { assets: string[][]; "systemd-units": Record<string, string>[] } } }[] };
  const { assets, "systemd-units": units } = metadata.packages.find(({ name }) => name === "worker")!.metadata.deb;
  const sources = assets.map(([source]) => source!).filter((source) => source.startsWith("../")).map((source) => source.slice(3));
  assert(sources.length > 5);
  for (const source of sources) assert(exists(source.replace(/\/\*$/, "")), source);
  for (const unit of units) assert(exists(`deploy/systemd/${unit["unit-name"]}.service`), unit["unit-name"]);
  for (const folder of ["balancers", "grafana", "prometheus", "rights"]) assert(sources.includes(`deploy/${folder}/*`), folder);
});

test("deploy/README.md lists every file of the folder, and names tests and scripts that exist", () => {
  const document = read("deploy/README.md");
  const files = execFileSync("git", ["ls-files", "deploy"], { cwd: root, encoding: "utf8" }).trim().split("\n");
  assert(files.length > 15);
  for (const file of files.filter((file) => !file.endsWith(".md"))) {
    assert(document.includes(`(${file.slice("deploy/".length)})`), file);
  }
  const named = [...document.matchAll(/`([\w./-]+)`/g)].map(([, name]) => name!).filter((name) => /\.(rs|ts)$|^scripts\//.test(name));
  assert(named.length > 5);
  for (const name of named) assert(exists(name), name);
});
