import { describe, expect, test } from 'vitest'
import { layoutOf, linkPath } from '../../../../demo/page/layout.ts'
import { machinesBefore, planNodes } from '../../../../demo/plan.ts'

describe.each([320, 360, 720, 1400])('a drawing %i pixels wide', (width) => {
  const machines = machinesBefore(planNodes(8))
  const layout = layoutOf(machines, width)
  const places = [...layout.machines.values()]

  test('has a place for each machine, inside', () => {
    expect(layout.machines.size).toBe(9)
    for (const { x, y } of places) {
      expect(x).toBeGreaterThan(20)
      expect(x).toBeLessThan(width - 20)
      expect(y).toBeGreaterThan(15)
      expect(y).toBeLessThan(layout.height - 15)
    }
  })

  test('keeps machines apart', () => {
    for (const [at, one] of places.entries())
      for (const other of places.slice(at + 1))
        expect(Math.abs(one.x - other.x) > 56 || Math.abs(one.y - other.y) > 34).toBe(true)
  })

  test('has a box around the machines of each NAT, and no other machine in it', () => {
    expect(layout.sites.map(({ site }) => site)).toEqual(['office', 'home'])
    for (const box of layout.sites)
      for (const machine of machines) {
        const { x, y } = layout.machines.get(machine.name) ?? { x: 0, y: 0 }
        const inside = x > box.x && x < box.x + box.width && y > box.y && y < box.y + box.height
        expect(inside).toBe(machine.site === box.site)
      }
  })

  test('links go from machine to machine', () => {
    const [from, to] = [layout.machines.get('n1'), layout.machines.get('n8')]
    expect(linkPath(layout, 'n1', 'n8', false)).toBe(`M${from?.x},${from?.y} L${to?.x},${to?.y}`)
    expect(linkPath(layout, 'n6', 'n8', true)).toMatch(/^M.* Q.* /)
    expect(linkPath(layout, 'n1', 'nobody', false)).toBe('')
  })
})

test('a window of no width is no error', () => {
  expect(layoutOf(machinesBefore(planNodes(8)), 0).internet.rx).toBeGreaterThan(0)
})
