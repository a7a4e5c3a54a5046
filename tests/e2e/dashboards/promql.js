// The syntax trees of the PromQL expressions in the JSON list on stdin: [name, text, children], or null.
'use strict';
const { parser } = require('@prometheus-io/lezer-promql');

const tree = (node, text) => {
  const children = [];
  for (let child = node.firstChild; child; child = child.nextSibling) children.push(tree(child, text));
  return [node.type.isError ? 'Error' : node.name, text.slice(node.from, node.to), children];
};

const expressions = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
process.stdout.write(JSON.stringify(expressions.map((text) => tree(parser.parse(text).topNode, text))));
