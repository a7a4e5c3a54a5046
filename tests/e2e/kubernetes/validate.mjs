// What is wrong with each of the Kubernetes objects in the JSON list on stdin: a list of sentences for each.
// The argument is the folder of the node modules.
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [, , modules] = process.argv;
const SCHEMAS = {
  'v1': ['kubernetes-models', 'IoK8sApiCoreV1'],
  'apps/v1': ['kubernetes-models', 'IoK8sApiAppsV1'],
  'networking.k8s.io/v1': ['kubernetes-models', 'IoK8sApiNetworkingV1'],
  'monitoring.coreos.com/v1': ['@kubernetes-models/prometheus-operator',
    'ComGithubPrometheusOperatorPrometheusOperatorPkgApisMonitoringV1'],
  'monitoring.coreos.com/v1alpha1': ['@kubernetes-models/prometheus-operator',
    'ComGithubPrometheusOperatorPrometheusOperatorPkgApisMonitoringV1alpha1'],
};

// The schemas are there as compiled functions, which pass over fields that they do not know. Those are the
// fields that they have never looked at.
const watched = (value, path, unread) => {
  if (typeof value !== 'object' || value === null) return value;
  const children = Array.isArray(value) ? [] : {};
  for (const [key, child] of Object.entries(value)) {
    children[key] = watched(child, `${path}/${key}`, unread);
    if (!Array.isArray(value)) unread.add(`${path}/${key}`);
  }
  return new Proxy(children, {
    get: (target, key) => {
      unread.delete(`${path}/${String(key)}`);
      return target[key];
    },
  });
};

const problems = async (object) => {
  const [name, prefix] = SCHEMAS[object.apiVersion] ?? [];
  if (!name) return [`no schema of ${object.apiVersion}`];
  const { validate } = await import(pathToFileURL(`${modules}/${name}/_schemas/${prefix}${object.kind}.js`).href);
  const unread = new Set();
  if (!validate(watched(object, '', unread))) {
    return validate.errors.map((error) =>
      `${error.instancePath} ${error.keyword} ${JSON.stringify(error.params)}`);
  }
  return [...unread].map((path) => `${path} is not known`);
};

const objects = JSON.parse(readFileSync(0, 'utf8'));
process.stdout.write(JSON.stringify(await Promise.all(objects.map(problems))));
