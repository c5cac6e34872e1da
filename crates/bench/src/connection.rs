//! One connection of the generator: a request goes out, an answer comes in, and so on.

use crate::Failure;
use crate::answer::parse;
use crate::work::Work;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::time::Instant;

/// Room for an answer.
const ANSWER: usize = 256 << 10;

pub(crate) struct Connection {
    stream: TcpStream,
    request: Vec<u8>,
    number: usize,
    pub(crate) sent: Instant,
    answer: Vec<u8>,
    received: usize,
}

impl Connection {
    pub(crate) fn open(
        address: SocketAddr,
        registry: &Registry,
        token: Token,
    ) -> Result<Self, Failure> {
        let stream = std::net::TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        registry.register(&mut stream, token, Interest::READABLE)?;
        let (request, answer) = (Vec::with_capacity(4096), vec![0; ANSWER]);
        Ok(Self { stream, request, number: 0, sent: Instant::now(), answer, received: 0 })
    }

    pub(crate) fn send(&mut self, work: &impl Work) -> Result<(), Failure> {
        self.request.clear();
        self.number = work.next(&mut self.request);
        self.received = 0;
        self.sent = Instant::now();
        // The socket's buffer is empty: the server has answered the request before.
        if self.stream.write(&self.request)? == self.request.len() {
            return Ok(());
        }
        Err("a request is longer than the socket's buffer".into())
    }

    /// Reads what has come; whether the answer is whole and right.
    pub(crate) fn receive(&mut self, work: &impl Work) -> Result<bool, Failure> {
        loop {
            match self.stream.read(&mut self.answer[self.received..]) {
                Ok(0) => return Err("the server closed a connection".into()),
                Ok(bytes) => self.received += bytes,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            }
            if let Some(answer) = parse(&self.answer[..self.received], false)? {
                work.check(self.number, &answer)?;
                return Ok(true);
            }
        }
    }
}
