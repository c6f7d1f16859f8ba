// For .ci/run: Debian packages that are missing, npm packages anew, the build. A machine that cannot run the network
// scenarios is an error there.
import {
  DATABASE_TEST_PACKAGES,
  insistOn,
  MANUAL_TEST_PACKAGES,
  PAGE_TEST_PACKAGES,
  setUp,
  TOKEN_TEST_PACKAGES,
} from './setup.mjs'

const { networkObstacles, extraObstacles } = setUp({
  extras: {
    ...PAGE_TEST_PACKAGES,
    ...MANUAL_TEST_PACKAGES,
    ...DATABASE_TEST_PACKAGES,
    ...TOKEN_TEST_PACKAGES,
  },
  clean: true,
})
insistOn('The network scenarios', [...networkObstacles, ...extraObstacles])
