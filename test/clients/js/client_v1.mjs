// The npm library influx, for version 1: node client_v1.mjs URL FLAKY-URL
import assert from 'node:assert/strict'
import { InfluxDB, FieldType } from 'influx'

const hosts = (address) => {
  const { hostname, port } = new URL(address)
  return [{ host: hostname, port: Number(port), protocol: 'http' }]
}
const [server] = process.argv.slice(2)
const influx = new InfluxDB({
  hosts: hosts(server), database: 'js',
  schema: [{ measurement: 'm', fields: { f: FieldType.FLOAT, i: FieldType.INTEGER, s: FieldType.STRING, b: FieldType.BOOLEAN }, tags: ['k'] }],
})

assert.ok((await influx.ping(5000)).every((h) => h.online))
await influx.createDatabase('js')
assert.deepEqual(await influx.getDatabaseNames(), ['js'])
await influx.writePoints([
  { measurement: 'm', tags: { k: 'a b' }, fields: { f: 1.5, i: 7, s: 'text "quoted"', b: true }, timestamp: new Date(1700000000000) },
  { measurement: 'm', tags: { k: 'c' }, fields: { f: 2.5 }, timestamp: new Date(1700000001000) },
])
const rows = await influx.query('select * from m order by time')
assert.equal(rows.length, 2)
assert.equal(rows[0].time.toISOString(), '2023-11-14T22:13:20.000Z')
assert.deepEqual([rows[0].f, rows[0].i, rows[0].s, rows[0].b, rows[0].k], [1.5, 7, 'text "quoted"', true, 'a b'])
const bound = await influx.query('select f from m where k = $k', { placeholders: { k: 'c' } })
assert.deepEqual(bound.map((r) => r.f), [2.5])
assert.deepEqual(await influx.getMeasurements(), ['m'])
assert.deepEqual((await influx.query('select count(f) from m group by k')).groups().map((g) => [g.tags.k, g.rows[0].count]), [['a b', 1], ['c', 1]])

await influx.createUser('jane', 'secret')
await influx.grantPrivilege('jane', 'READ', 'js')
assert.deepEqual((await influx.getUsers()).map((u) => [u.user, u.admin]), [['jane', false]])
await influx.dropUser('jane')
await influx.createRetentionPolicy('short', { database: 'js', duration: '2h', replication: 1 })
assert.deepEqual((await influx.showRetentionPolicies('js')).map((p) => p.name), ['autogen', 'short'])

await assert.rejects(influx.writePoints([{ measurement: 'm', fields: { f: 1 } }], { database: 'nowhere' }), /database not found: \\"nowhere\\"/)
await assert.rejects(influx.query('select'), /error parsing query/)
await assert.rejects(influx.query('select * from nowhere..m'), /database not found: nowhere/)
await influx.dropDatabase('js')
assert.deepEqual(await influx.getDatabaseNames(), [])
console.log('done')
