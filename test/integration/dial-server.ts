// A program for tests of dialling: listens on one loopback address and answers each connection, at the end of its
// input, with the number of bytes and the input itself. It prints its port, and runs until it is killed.
//   dial-server.js HOST BACKLOG

import { createServer } from 'node:net';

const [host = '127.0.0.1', backlog = '511'] = process.argv.slice(2);

const server = createServer({ allowHalfOpen: true }, (socket) => {
  const chunks: Buffer[] = [];
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('end', () => {
    const input = Buffer.concat(chunks);
    socket.write(`${input.length} `);
    socket.end(input);
  });
});
server.listen({ host, port: 0, backlog: Number(backlog) }, () => {
  const address = server.address();
  console.log(typeof address === 'object' ? address?.port : '');
});
