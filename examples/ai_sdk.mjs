// The AI SDK: a question whose answer needs a function, streamed.

import { createOpenAI } from "@ai-sdk/openai";
import { jsonSchema, stepCountIs, streamText, tool } from "ai";

const {
  ANTIPHON_URL = "http://127.0.0.1:8484/v1",
  ANTIPHON_MODEL = "qwen2.5-coder-1.5b-instruct",
  ANTIPHON_API_KEY = "none",
} = process.env;
const question = process.argv[2] ?? "What is the weather in Berlin right now?";

const antiphon = createOpenAI({ baseURL: ANTIPHON_URL, apiKey: ANTIPHON_API_KEY });
const { textStream } = streamText({
  model: antiphon(ANTIPHON_MODEL),
  prompt: question,
  stopWhen: stepCountIs(5),
  tools: {
    get_weather: tool({
      description: "Get the current weather of a city.",
      inputSchema: jsonSchema({
        type: "object",
        properties: { city: { type: "string" } },
        required: ["city"],
        additionalProperties: false,
      }),
      execute: async ({ city }) => `18 degrees in ${city}`, // a real one would ask somebody
    }),
  },
  onError: ({ error }) => {
    throw error;
  },
});
for await (const text of textStream) process.stdout.write(text);
console.log();
