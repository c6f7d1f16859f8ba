// Prints the dependency on Node.js: the program needs 20.19, its addon the ABI of the Node.js that it was built with,
// which changes with each major version.
const major = Number(process.versions.node.split('.')[0])
console.log(`nodejs (>= ${major === 20 ? '20.19' : major}~), nodejs (<< ${major + 1})`)
