import { testRandomGraphs } from '../support/random-graphs.ts'

// That all of them start at the same moment is the most of it.
testRandomGraphs({ routers: 200, tunnels: 2, events: 6, seeds: [2] })
