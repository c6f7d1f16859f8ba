// For .ci/run: Debian packages that are missing, and npm packages anew; with `--compile`, after that, native addons and the build.
// A machine that cannot run the network scenarios is an error there.
import process from 'node:process'
import { compile, insistOn, setUp, USUAL_TEST_PACKAGES } from './setup.mjs'

if (process.argv[2] === '--compile') compile()
else {
  const { networkObstacles, extraObstacles } = setUp({
    extras: USUAL_TEST_PACKAGES,
    clean: true,
  })
  insistOn('The network scenarios', [...networkObstacles, ...extraObstacles])
}
