// npm ns1: the JavaScript SDK, over plain HTTP.

const assert = require("assert");
const { Resolver } = require("dns").promises;
const NS1 = require("ns1");

const { SEXTANT_KEY, SEXTANT_API_PORT, SEXTANT_DNS_PORT } = process.env;
NS1.set_api_key(SEXTANT_KEY);
NS1.set_api_url(`http://127.0.0.1:${SEXTANT_API_PORT}/v1/`);
const resolver = new Resolver({ tries: 20 });
resolver.setServers([`127.0.0.1:${SEXTANT_DNS_PORT}`]);

async function main() {
  let zone = await NS1.Zone.create({ zone: "js.test", ttl: 300, nx_ttl: 60 });
  zone = await NS1.Zone.find("js.test");
  assert.strictEqual(zone.attributes.zone, "js.test");
  zone.attributes.ttl = 400;
  await zone.save();
  assert.strictEqual((await NS1.Zone.find("js.test")).attributes.ttl, 400);
  const listed = await NS1.Zone.find();
  assert(listed.some((one) => one.attributes.zone === "js.test"));

  await NS1.Record.create({
    zone: "js.test",
    domain: "www.js.test",
    type: "A",
    answers: [{ answer: ["192.0.2.4"] }],
  });
  assert.deepStrictEqual(await resolver.resolve4("www.js.test"), ["192.0.2.4"]);
  const record = await NS1.Record.find("js.test/www.js.test/A");
  const before = JSON.stringify(record.attributes);
  await record.save();
  const kept = await NS1.Record.find("js.test/www.js.test/A");
  assert.strictEqual(JSON.stringify(kept.attributes), before, "a record sent back is no change");
  record.attributes.ttl = 99;
  await record.save();
  assert.strictEqual((await resolver.resolve4("www.js.test", { ttl: true }))[0].ttl, 99);

  assert((await NS1.DataSource.types()).nsone_v1);
  const source = await NS1.DataSource.create({ name: "js", sourcetype: "nsone_v1", config: {} });
  source.attributes.name = "renamed";
  await source.save();
  const feed = await NS1.DataFeed.create({
    data_source_id: source.attributes.id,
    name: "feed",
    config: { label: "a" },
  });
  assert.deepStrictEqual(feed.attributes.data, {});
  await source.feed({ a: { up: true } });
  const fed = await NS1.DataFeed.find(`${source.attributes.id}/${feed.attributes.id}`);
  assert.deepStrictEqual(fed.attributes.data, { up: true });
  fed.attributes.name = "sent back";
  await fed.save();
  await fed.destroy();
  await source.destroy();

  await record.destroy();
  await assert.rejects(resolver.resolve4("www.js.test"));
  await zone.destroy();
  await assert.rejects(NS1.Zone.find("js.test"));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
