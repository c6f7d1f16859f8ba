import { expect, it } from 'vitest'
import { unreadBytes } from '../../../../src/core/kernel/netlink-sockets.ts'

const TABLE = `sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode
000000008a8d657c 0   0          00000000 0        0        0     2        0        4       
0000000028cbc556 0   4711       00000551 8448     0        0     2        0        1594    
00000000b9a5265d 0   4294962585 00000000 128      0        0     2        0        1596    
`

it('what waits in the sockets of one process is told, and nothing of others', () => {
  expect(unreadBytes(TABLE, new Set(['1594', '1596']))).toBe(8_576)
  expect(unreadBytes(TABLE, new Set(['4', '99']))).toBe(0)
  expect(unreadBytes('', new Set(['4']))).toBe(0)
})
