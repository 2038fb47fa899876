// A program of OpenAI's SDK for Node: plays one scenario after another, and prints what came out, as JSON by name.
// Knows nothing of what should come out: tests/clients/test_openai_node.py does. BASE_URL says where the server is.

import OpenAI from "openai";
import { zodResponsesFunction, zodTextFormat } from "openai/helpers/zod";
import { ResponsesWS } from "openai/resources/responses/ws";
import { z } from "zod";

const client = new OpenAI({ baseURL: process.env.BASE_URL, apiKey: "any", maxRetries: 0 });
const model = "scripted";

const Person = z.object({ name: z.string(), age: z.number() });
const weather = zodResponsesFunction({ name: "get_weather", parameters: z.object({ city: z.string() }) });
const script = JSON.stringify({
  turns: [
    [{ reasoning: "I ask." }, { call: { name: "get_weather", arguments: { city: "Berlin" } } }],
    [{ text: "It is " }, { tell: "output" }],
  ],
});

const outputs = (response) =>
  response.output
    .filter((item) => item.type === "function_call")
    .map((call) => ({
      type: "function_call_output",
      call_id: call.call_id,
      output: `18 degrees in ${JSON.parse(call.arguments).city}`,
    }));

const scenarios = {
  async text() {
    const { data, response } = await client.responses.create({ model, input: "Hello there." }).withResponse();
    return [data.output_text, data.status, response.headers.get("x-request-id").slice(0, 4)];
  },

  async streamed() {
    const stream = await client.responses.create({ model, input: "one two three", stream: true });
    const kinds = [];
    const deltas = [];
    for await (const event of stream) {
      kinds.push(event.type);
      if (event.type === "response.output_text.delta") deltas.push(event.delta);
    }
    return [deltas, kinds[0], kinds.at(-1)];
  },

  async helper() {
    const stream = client.responses.stream({ model, input: "one two three" });
    let snapshot = "";
    stream.on("response.output_text.delta", (event) => (snapshot = event.snapshot));
    const final = await stream.finalResponse();
    return [snapshot, final.output_text, final.usage.output_tokens];
  },

  async resumed() {
    const first = await client.responses.create({ model, input: "one two three", background: true });
    const rest = client.responses.stream({ response_id: first.id });
    return (await rest.finalResponse()).output_text;
  },

  async parsed() {
    const input = JSON.stringify([{ text: '{"name": "Ada", "age": 36}' }]);
    const response = await client.responses.parse({ model, input, text: { format: zodTextFormat(Person, "person") } });
    return response.output_parsed;
  },

  async tools() {
    const input = [{ role: "user", content: script }];
    const first = await client.responses.parse({ model, input, tools: [weather] });
    const call = first.output.find((item) => item.type === "function_call");
    input.push(...first.output, ...outputs(first));
    const second = await client.responses.create({ model, input, tools: [weather] });
    return [call.parsed_arguments, second.output_text];
  },

  async chained() {
    const first = await client.responses.create({ model, input: script, tools: [weather] });
    const second = client.responses.stream({ model, input: outputs(first), previous_response_id: first.id });
    return (await second.finalResponse()).output_text;
  },

  async conversation() {
    const conversation = await client.conversations.create({ metadata: { a: "b" } });
    await client.responses.create({ model, input: "My name is Ann.", conversation: conversation.id });
    const roles = [];
    for await (const item of client.conversations.items.list(conversation.id, { order: "asc" })) roles.push(item.role);
    return roles;
  },

  async websocket() {
    const socket = new ResponsesWS(client);
    const turn = async (asked) => {
      socket.send({ type: "response.create", model, store: false, ...asked });
      for await (const message of socket) {
        if (message.type === "message" && message.message.type === "response.completed") return message.message.response;
        if (message.type === "error") throw message.error;
      }
    };
    const first = await turn({ input: script, tools: [weather] });
    const second = await turn({ input: outputs(first), previous_response_id: first.id });
    socket.close();
    return second.output[0].content[0].text;
  },

  async refused() {
    try {
      await client.responses.create({ model: "missing", input: "Hello." });
    } catch (error) {
      return [error.constructor.name, error.status, error.code, error.param];
    }
  },
};

const told = {};
for (const [name, play] of Object.entries(scenarios)) told[name] = await play();
console.log(JSON.stringify(told));
