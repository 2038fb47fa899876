// OpenAI's SDK for Node: a question whose answer needs a function, streamed.

import OpenAI from "openai";

const {
  ANTIPHON_URL = "http://127.0.0.1:8484/v1",
  ANTIPHON_MODEL = "qwen2.5-coder-1.5b-instruct",
  ANTIPHON_API_KEY = "none",
} = process.env;
const question = process.argv[2] ?? "What is the weather in Berlin right now?";

const tools = [
  {
    type: "function",
    name: "get_weather",
    description: "Get the current weather of a city.",
    parameters: {
      type: "object",
      properties: { city: { type: "string" } },
      required: ["city"],
      additionalProperties: false,
    },
    strict: true,
  },
];

// A real one would ask somebody.
const getWeather = ({ city }) => `18 degrees in ${city}`;

const client = new OpenAI({ baseURL: ANTIPHON_URL, apiKey: ANTIPHON_API_KEY });
let asked = question;
let before;
while (asked.length) {
  const stream = client.responses.stream({
    model: ANTIPHON_MODEL,
    input: asked,
    tools,
    previous_response_id: before,
  });
  stream.on("response.output_text.delta", (event) => process.stdout.write(event.delta));
  const response = await stream.finalResponse();
  before = response.id;
  asked = response.output
    .filter((item) => item.type === "function_call")
    .map((call) => ({
      type: "function_call_output",
      call_id: call.call_id,
      output: getWeather(JSON.parse(call.arguments)),
    }));
}
console.log();
