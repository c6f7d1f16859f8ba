// Dependencies point one way: commands → shells (node, registry, conf, ctl) → platform → core. Never back, no cycles.
const only = (name, from, to, comment) => ({ name, severity: 'error', comment, from: { path: from }, to })

export default {
  forbidden: [
    only('no-cycles', '', { circular: true }, 'A cycle hides which part depends on which.'),
    only(
      'core-is-pure',
      '^src/core/',
      { path: '^(src|lab|demo|bench|manual|test)/', pathNot: '^src/core/' },
      'The core imports only itself.',
    ),
    only(
      'core-does-no-io',
      '^src/core/',
      { dependencyTypes: ['core'], pathNot: '^(node:)?(crypto|buffer|zlib|net|util|querystring|tls)$' },
      'The core may compute (crypto, which needs tls to be loaded, zlib, net.isIP), never read, write, wait or spawn.',
    ),
    only(
      'platform-knows-no-shell',
      '^src/platform/',
      { path: '^src/(node|registry|conf|ctl|bin)/' },
      'The platform serves all shells.',
    ),
    only(
      'node-stands-alone',
      '^src/node/',
      { path: '^src/(registry|conf|ctl|bin)/' },
      'The node daemon is small.',
    ),
    only(
      'registry-stands-alone',
      '^src/registry/',
      { path: '^src/(node|conf|ctl|bin)/' },
      'The registry is a program of its own.',
    ),
    only(
      'conf-stands-alone',
      '^src/conf/',
      { path: '^src/(node|registry|ctl|bin)/' },
      're6st-conf is a program of its own.',
    ),
    only(
      'ctl-stands-alone',
      '^src/ctl/',
      { path: '^src/(node|registry|conf|bin)/' },
      're6st talks to the node over its socket only.',
    ),
    only(
      'product-knows-no-lab',
      '^src/',
      { path: '^(lab|demo|bench|manual|test)/' },
      'What is shipped does not know how it is tested.',
    ),
    only('no-unresolved', '', { couldNotResolve: true }, 'An import that does not resolve.'),
    only(
      'no-dev-dependency-in-product',
      '^src/',
      { dependencyTypes: ['npm-dev'] },
      'Shipped code uses only dependencies.',
    ),
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(demo/page/|src/registry/page/|bench/map/page|test/vectors)' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'types'] },
  },
}
