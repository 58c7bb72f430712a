// The npm libraries @influxdata/influxdb-client and -apis, for version 2: node client_v2.mjs URL FLAKY-URL
import assert from 'node:assert/strict'
import { InfluxDB, Point, HttpError } from '@influxdata/influxdb-client'
import { AuthorizationsAPI, BucketsAPI, DeleteAPI, HealthAPI, MeAPI, OrgsAPI, PingAPI, ReadyAPI, SetupAPI } from '@influxdata/influxdb-client-apis'

const [server, flaky] = process.argv.slice(2)
const token = 'a-token-for-the-tests'
const setup = new SetupAPI(new InfluxDB({ url: server }))
assert.equal((await setup.getSetup()).allowed, true)
const made = await setup.postSetup({ body: { username: 'admin', password: 'correct horse', org: 'acme', bucket: 'first', token } })
assert.deepEqual([made.user.name, made.org.name, made.bucket.name, made.auth.token], ['admin', 'acme', 'first', token])
assert.equal((await setup.getSetup()).allowed, false)

const influx = new InfluxDB({ url: server, token })
assert.equal((await new HealthAPI(influx).getHealth()).status, 'pass')
assert.equal((await new ReadyAPI(influx).getReady()).status, 'ready')
await new PingAPI(influx).getPing()
assert.equal((await new MeAPI(influx).getMe()).name, 'admin')

// What InfluxQL finds, by the same token.
const rows = async (q, bucket = 'first') => {
  const answer = await fetch(`${server}/query?epoch=s&db=${bucket}&q=${encodeURIComponent(q)}`, { headers: { Authorization: `Token ${token}` } })
  return (await answer.json()).results[0].series?.[0]?.values ?? []
}
// write resolves to the error of a write, if there is one.
const write = async (client, bucket, points, options = {}) => {
  const api = client.getWriteApi('acme', bucket, 's', { maxRetries: 0, ...options })
  for (const p of points) typeof p === 'string' ? api.writeRecord(p) : api.writePoint(p)
  try {
    await api.close()
  } catch (e) {
    return e
  }
}
const failed = (e, status, code) => {
  assert.ok(e instanceof HttpError, `want ${status}, got ${e}`)
  assert.deepEqual([e.statusCode, e.code], [status, code])
}
assert.equal(await write(influx, 'first', [new Point('m').tag('k', 'a b').floatField('f', 1.5).intField('i', 7).uintField('u', 8).stringField('s', 'x').booleanField('b', true).timestamp(1700000000)]), undefined)
assert.deepEqual(await rows('SELECT * FROM m'), [[1700000000, true, 1.5, 7, 'a b', 'x', 8]])
failed(await write(influx, 'nowhere', ['m f=1']), 404, 'not found')
failed(await write(new InfluxDB({ url: server, token: 'nonsense' }), 'first', ['m f=1']), 401, 'unauthorized')
failed(await write(influx, 'first', ['m f=']), 400, 'invalid')
failed(await write(influx, 'first', ['m f="text" 1700000001']), 422, 'unprocessable entity')

// A server that is busy for a moment: nothing is lost.
const retried = new InfluxDB({ url: flaky, token })
const many = Array.from({ length: 100 }, (_, i) => `many f=${i} ${i + 1}`)
const patient = retried.getWriteApi('acme', 'first', 's', { maxRetries: 5, minRetryDelay: 50, maxRetryDelay: 2000, retryJitter: 10, gzipThreshold: 10, writeFailed: () => {} })
patient.writeRecords(many)
await patient.flush().catch(() => {}) // what has failed is kept for a retry
for (let i = 0; i < 100 && (await rows('SELECT count(f) FROM many')).length === 0; i++) await new Promise((done) => setTimeout(done, 200))
assert.deepEqual(await rows('SELECT count(f) FROM many'), [[0, 100]])
await patient.close()

const org = (await new OrgsAPI(influx).getOrgs({ org: 'acme' })).orgs[0]
const buckets = new BucketsAPI(influx)
const second = await buckets.postBuckets({ body: { orgID: org.id, name: 'second', retentionRules: [{ type: 'expire', everySeconds: 86400 }] } })
assert.deepEqual((await buckets.getBuckets({ orgID: org.id })).buckets.map((b) => b.name), ['first', 'second'])
assert.equal((await buckets.patchBucketsID({ bucketID: second.id, body: { retentionRules: [{ type: 'expire', everySeconds: 172800 }] } })).retentionRules[0].everySeconds, 172800)
await assert.rejects(buckets.postBuckets({ body: { orgID: org.id, name: 'second' } }), (e) => e.statusCode === 422 && e.code === 'conflict')

const authorizations = new AuthorizationsAPI(influx)
const auth = await authorizations.postAuthorizations({ body: { orgID: org.id, description: 'writes', permissions: [{ action: 'write', resource: { type: 'buckets', id: second.id, orgID: org.id } }] } })
const writer = new InfluxDB({ url: server, token: auth.token })
assert.equal(await write(writer, 'second', ['m,k=a f=1', 'm,k=b f=2']), undefined)
failed(await write(writer, 'first', ['m f=1']), 403, 'forbidden')
await authorizations.patchAuthorizationsID({ authID: auth.id, body: { status: 'inactive' } })
failed(await write(writer, 'second', ['m f=1']), 401, 'unauthorized')
await authorizations.deleteAuthorizationsID({ authID: auth.id })

await new DeleteAPI(influx).postDelete({ org: 'acme', bucket: 'second', body: { start: '1970-01-01T00:00:00Z', stop: '2200-01-01T00:00:00Z', predicate: '_measurement="m" AND k="a"' } })
assert.deepEqual((await rows('SELECT count(f) FROM m', 'second')).map((r) => r[1]), [1])
await buckets.deleteBucketsID({ bucketID: second.id })

await assert.rejects(influx.getQueryApi('acme').collectRows('buckets()'), (e) => e.statusCode === 403 && e.code === 'forbidden')
console.log('done')
