// SPDX-License-Identifier: Apache-2.0
// The life of groups, connectors, models, tasks and errors with OpenSearch's JavaScript client.
// Usage: node life.js URL MODEL_SERVER_URL KEY
import assert from 'node:assert/strict';
import {Client, errors} from '@opensearch-project/opensearch';

const [url, service, key] = process.argv.slice(2);
const client = new Client({node: url, maxRetries: 0});
const ml = '/_plugins/_ml';

async function ask(method, path, body) {
    const answer = await client.transport.request({method, path, body});
    return answer.body;
}

async function refused(method, path, body) {
    try {
        await ask(method, path, body);
    } catch (error) {
        assert.ok(error instanceof errors.ResponseError, String(error));
        return {status: error.statusCode, ...error.body.error};
    }
    throw new assert.AssertionError({message: `${method} ${path} was not refused`});
}

const info = (await client.info()).body;
assert.equal(info.version.distribution, 'opensearch');
assert.equal((await client.ping()).body, true);

await client.cluster.putSettings({body: {persistent: {
    'plugins.ml_commons.trusted_connector_endpoints_regex': ['^http://127\\.0\\.0\\.1:.*$'],
    'plugins.ml_commons.connector.private_ip_enabled': true,
}}});

const group = (await client.ml.registerModelGroup({body: {name: 'js', description: 'of a test'}})).body;
assert.equal(group.status, 'CREATED');

const connector = (await client.ml.createConnector({body: {
    name: 'chat', description: 'd', version: '1', protocol: 'http', parameters: {model: 'echo-chat'}, credential: {key},
    actions: [{
        action_type: 'predict', method: 'POST', url: `${service}/v1/chat/completions`,
        headers: {Authorization: 'Bearer ${credential.key}'},
        request_body: '{"model": "${parameters.model}", "messages": ${parameters.messages}}',
    }],
}})).body.connector_id;

const registered = (await client.ml.registerModel({body: {
    name: 'chat', function_name: 'remote', model_group_id: group.model_group_id, connector_id: connector,
}})).body;
const model = registered.model_id;
const task = (await client.ml.getTask({task_id: registered.task_id})).body;
assert.equal(task.state, 'COMPLETED');
assert.equal((await client.ml.deployModel({model_id: model})).body.task_type, 'DEPLOY_MODEL');
assert.equal((await client.ml.getModel({model_id: model})).body.model_state, 'DEPLOYED');

const prediction = await ask('POST', `${ml}/models/${model}/_predict`, {
    parameters: {messages: [{role: 'user', content: 'from "JavaScript" \u00e9\u{1F600}'}]},
});
const said = prediction.inference_results[0].output[0].dataAsMap.choices[0].message.content;
assert.ok(said.includes('JavaScript') && said.includes('\u{1F600}'), said);

const found = (await client.ml.searchModels({body: {query: {term: {model_state: 'DEPLOYED'}}}})).body;
assert.deepEqual(found.hits.hits.map((hit) => hit._id), [model]);

const inUse = await refused('DELETE', `${ml}/connectors/${connector}`);
assert.equal(inUse.status, 409);
const unknown = await refused('GET', `${ml}/models/nobody`);
assert.deepEqual([unknown.status, unknown.type], [404, 'status_exception']);
const wrong = await refused('POST', `${ml}/models/${model}/_predict`, {parameters: {}});
assert.equal(wrong.status, 400);
assert.match(wrong.reason, /messages/);

await client.ml.undeployModel({model_id: model});
for (const [path, id] of [['models', model], ['connectors', connector], ['model_groups', group.model_group_id]]) {
    assert.equal((await ask('DELETE', `${ml}/${path}/${id}`)).result, 'deleted');
}
await client.close();
console.log('the life of a model, with the JavaScript client: done');
