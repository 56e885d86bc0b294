"""What the two sides of the simulation have in common, and AWS with its services in memory.

A side runs the product's handlers in actors and knows what a crash does to them. The product's store, queues,
handlers, web application and jobs are the real ones.
"""

from __future__ import annotations

import random
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Protocol

from receiver.assemble import Handlers
from receiver.intake.webhooks import Webhooks
from scheduler.timer import JOBS, Job, Jobs
from scheduler.worker import captures_handler
from shared.aws.dynamodb import DynamoStore, table_definition
from shared.aws.errors import AwsError
from shared.aws.sqs import SqsQueue
from shared.hosting.lambda_records import work_records
from shared.hosting.runtime import Runtime
from shared.queues import items, leases
from shared.queues.ports import CAPTURES, DELIVERIES, EVENTS, QUEUES, Handler, Queue
from shared.queues.waiting import Waiting
from shared.storage.ports import Store
from tests.receiver.sequences.world import Killed
from tests.simulation.actors import Actor, Actors, Clock, Process, Trace
from tests.simulation.aws import SimulatedClients, refused
from tests.simulation.sqs import Chaos

LEASES = {CAPTURES: leases.CAPTURE, EVENTS: leases.EVENT, DELIVERIES: leases.DELIVERY}
# What the template gives each queue on AWS, in seconds.
_HIDDEN = {CAPTURES: 1_800, EVENTS: 360, DELIVERIES: 360}
_MOST_RECEIVES = 600
_AT_ONCE = {CAPTURES: 2, EVENTS: 3, DELIVERIES: 3}  # workers of each queue
# The jobs that need nothing but the store, the queues and the simulated platform.
_JOBS = ("missed", "remind", "notices", "heartbeats", "report", "trends", "jobs", "follow", "recover")


class Home(Protocol):
    """What a side needs of the world."""

    actors: Actors
    clock: Clock
    trace: Trace
    rng: random.Random
    webhooks: Webhooks  # what decides about their requests
    announce: Callable[[items.Content, str], None]  # called before an item of [events] is put

    def runtime_on(self, store: Store, captures: Queue, events: Queue, deliveries: Queue) -> Runtime: ...

    def handlers_of(self, runtime: Runtime, waiting: Waiting | None = None) -> Handlers: ...

    def finish(self, actor: Actor, within: float) -> None:
        """Let the actors go on until this one has ended, or so many seconds are over."""


class Inline(Jobs):
    """The timer's jobs in the thread that asks for them."""

    def run_once(self) -> None:
        for job in JOBS:
            if job.name in _JOBS:
                self.run(job)

    def _run(self, job: Job, seconds: float) -> str:
        failures: list[str] = []
        self._work(job, seconds, failures)
        return failures[0] if failures else ""


class Side(Protocol):
    """`runtime`: for people, who use commands or the console."""

    name: str
    runtime: Runtime
    events: Queue  # for the web application
    crashes: int = 0  # each may have undone what was recorded

    @abstractmethod
    def faults(self) -> tuple[str, ...]:
        """What can go wrong on this side, besides what can on both."""

    @abstractmethod
    def start(self) -> None:
        """Begin to exist."""

    @abstractmethod
    def configure(self) -> None:
        """New work uses the configuration as it is now."""

    @abstractmethod
    def start_work(self) -> bool:
        """Start an actor for something that is due. False if there is nothing."""

    @abstractmethod
    def run_timer(self) -> None:
        """Start the timer's jobs."""

    @abstractmethod
    def person(self) -> Process:
        """The process in which a click is answered, or a hunt is begun."""

    @abstractmethod
    def web(self) -> Process:
        """The process in which a webhook is answered."""

    @abstractmethod
    def crash(self, fault: str) -> None:
        """Let this fault happen to the process of the actor whose turn it is. Raises Killed, or what the
        product gets to see."""

    @abstractmethod
    def recover(self) -> None:
        """Start again whatever has crashed."""

    @abstractmethod
    def is_writing(self) -> bool:
        """Whether a transaction is open, for which other writes would wait."""

    @abstractmethod
    def next_due(self) -> float | None:
        """When the next item is due, in the true time."""

    @abstractmethod
    def close(self) -> None: ...


class Context:
    """What Lambda says about an invocation."""

    function_name = "simulated"

    def __init__(self, clock: Clock) -> None:
        self._clock, self._until = clock, clock.true + 300

    def get_remaining_time_in_millis(self) -> int:
        return int((self._until - self._clock.true) * 1000)


class Aws(Side):
    """Each invocation has a function of its own, which crashes alone."""

    name = "AWS"

    def __init__(self, home: Home) -> None:
        self._home = home
        self.chaos = Chaos(home.rng)
        self.clients = _Faulty(home, self.chaos)
        definition = table_definition()
        del definition["TimeToLiveSpecification"]
        self.clients.call("dynamodb", "create_table", TableName="table", **definition)
        self._urls: dict[str, tuple[str, str]] = {}
        for name in QUEUES:
            urls = [
                self.clients.call("sqs", "create_queue", QueueName=each)["QueueUrl"]
                for each in (name, f"{name}-dead")
            ]
            self._urls[name] = (urls[0], urls[1])
            self.clients.queues[urls[0]].set_queue_attributes(self.clients.queues[urls[1]], _MOST_RECEIVES)
        self._running: dict[str, list[Any]] = {name: [] for name in QUEUES}
        self._timer: Any = None
        self.configure()

    def start(self) -> None:
        """It is there."""

    def faults(self) -> tuple[str, ...]:
        return ("kill",)

    def configure(self) -> None:
        self._idle: list[_Function] = []
        self.runtime = self._function().runtime
        self.events = self.runtime.events

    def _function(self) -> _Function:
        return self._idle.pop() if self._idle else _Function(self._home, self.clients, self._urls)

    def start_work(self) -> bool:
        ready = [name for name in QUEUES if self._has_place(name) and self._is_due(name)]
        if not ready:
            return False
        name = self._home.rng.choice(ready)
        queue = self.clients.queues[self._urls[name][0]]
        answer = queue.receive_message(self._home.rng.choice([1, 1, 3]), _HIDDEN[name])
        messages = answer.get("Messages", [])
        if not messages:
            return False
        records = [queue.record(message, f"arn:{name}") for message in messages]
        function = self._function()
        idle = self._idle

        def run() -> None:
            needs = leases.budget(LEASES[name])
            context = Context(self._home.clock)
            failed = work_records(
                function.queues[name], function.handlers[name], records, context, needs=needs
            )
            if self._home.rng.random() < self.clients.rates.get("sent twice", 0):
                self._home.trace.add(f"fault: SQS did not get the answer about {name}")
                return
            left = {each["itemIdentifier"] for each in failed["batchItemFailures"]}
            for message in messages:
                if message["MessageId"] not in left:
                    queue.delete_message(message["ReceiptHandle"])
            idle.append(function)

        process = Process(f"{name} function")
        self._running[name].append(self._home.actors.spawn(f"{name} function", process, run))
        return True

    def _has_place(self, name: str) -> bool:
        self._running[name] = [each for each in self._running[name] if not each.done]
        return len(self._running[name]) < _AT_ONCE[name]

    def _is_due(self, name: str) -> bool:
        due = self.clients.queues[self._urls[name][0]].next_due()
        return due is not None and due <= self._home.clock.true

    def run_timer(self) -> None:
        if self._timer is None or self._timer.done:
            function = self._function()
            self._timer = self._home.actors.spawn("timer", Process("timer"), function.jobs.run_once)

    def person(self) -> Process:
        return Process("a request")

    def web(self) -> Process:
        return self.person()

    def crash(self, fault: str) -> None:
        running = self._home.actors.running
        assert running
        self._home.actors.kill(running.process)
        raise Killed

    def is_writing(self) -> bool:
        return False

    def recover(self) -> None:
        """Functions start when they are needed."""

    def next_due(self) -> float | None:
        dues = [self.clients.queues[urls[0]].next_due() for urls in self._urls.values()]
        return min((due for due in dues if due is not None), default=None)

    def close(self) -> None:
        """Nothing is open."""


class _Function:
    """One Lambda function: its own runtime, which it keeps between invocations."""

    def __init__(self, home: Home, clients: SimulatedClients, urls: dict[str, tuple[str, str]]) -> None:
        seconds = home.clock.seconds
        store = DynamoStore(clients, "table", seconds)
        store._table._sleep = home.actors.sleep
        self.queues = {
            name: SqsQueue(clients, name, *urls[name], look_wait=0, now=seconds) for name in QUEUES
        }
        for name, queue in self.queues.items():
            home.actors.pausing(queue, "put", also=f"{name} ")
        self.runtime = home.runtime_on(store, *(self.queues[name] for name in QUEUES))
        made = home.handlers_of(self.runtime)
        self.handlers: dict[str, Handler] = {
            CAPTURES: captures_handler(self.runtime),
            EVENTS: made.event,
            DELIVERIES: made.delivery,
        }
        self.jobs = Inline(self.runtime)


class _Faulty(SimulatedClients):
    """Services that throttle, whose answers are lost, and which do a part of a batch. `rates`: the share of
    the calls for each fault."""

    def __init__(self, home: Home, chaos: Chaos) -> None:
        super().__init__(lambda: home.clock.true, chaos)
        self._home = home
        self.rates: dict[str, float] = {}
        self.left_undone = self._left_undone

    def call(self, service: str, operation: str, *, region: str | None = None, **request: Any) -> Any:
        home = self._home
        if home.actors.running is None:
            return super().call(service, operation, **request)
        home.actors.pause(f"{service} {operation}")
        again = dict(request)
        if self._happens("throttled"):
            home.trace.add(f"fault: {service} {operation} is throttled")
            raise refused("ThrottlingException")
        try:
            answer = super().call(service, operation, **request)
            if self._happens("sent twice"):
                home.trace.add(f"fault: {service} {operation} is sent twice, since its answer was lost")
                answer = super().call(service, operation, **again)
        finally:
            home.actors.pause(f"{service} {operation} done")
        if self._happens("no answer"):
            home.trace.add(f"fault: the answer of {service} {operation} is lost")
            raise AwsError(f"{service} did not answer within 10 s", passing=True)
        return answer

    def _happens(self, fault: str) -> bool:
        rate = self.rates.get(fault, 0.0)
        return bool(rate) and self._home.rng.random() < rate

    def _left_undone(self, count: int) -> int:
        if self._home.actors.running is None or not self._happens("partly done"):
            return 0
        self._home.trace.add("fault: DynamoDB leaves a part of a batch undone")
        return self._home.rng.randint(1, count)
