/** Size of the underlay's packets that arrive; larger ones are lost without a word, and so are fragments. */
const PATH_MTU = 1400

/** Rules of a router for such an underlay, where nobody hears of it, as on many paths; `large` counts what is lost. */
export const NARROW_PATH = `
  table inet narrow {
    chain forward {
      type filter hook forward priority filter
      meta l4proto udp meta length > ${PATH_MTU} counter name large drop
      ip frag-off & 0x3fff != 0 counter name large drop
      exthdr frag exists counter name large drop
      icmp type destination-unreachable icmp code frag-needed drop
      icmpv6 type packet-too-big drop
    }
    counter large { }
  }`
