import { testRandomGraphs } from '../../../../support/random-graphs.ts'

// The last ones are those of failures that were mended.
testRandomGraphs({ routers: 8, tunnels: 2, events: 40, seeds: [1, 2, 3, 4, 5, 6, 7, 28, 44, 65, 237] })
testRandomGraphs({ routers: 20, tunnels: 2, events: 40, seeds: [1] })
testRandomGraphs({ routers: 8, tunnels: 2, events: 40, flaps: true, seeds: [1, 2, 3] })
