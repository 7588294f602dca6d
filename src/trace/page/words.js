// The words of the page, in English and in Spanish, and how things are written.
const SPANISH = {
  task: "tarea",
  run: "ejecución",
  "Who ran, who was ready, who waited": "Quién corrió, quién estaba lista, quién esperaba",
  first: "primero",
  back: "atrás",
  forward: "adelante",
  last: "último",
  "10 back": "10 atrás",
  "10 forward": "10 adelante",
  Step: "Paso",
  "step {0} of {1}": "paso {0} de {1}",
  "Step by": "Avanzar por",
  switch: "cambio",
  time: "tiempo",
  Runs: "Ejecuciones",
  Zoom: "Zoom",
  wider: "alejar",
  closer: "acercar",
  Keys: "Teclas",
  "one switch": "un cambio",
  ten: "diez",
  "first and last": "primero y último",
  "same task": "misma tarea",
  "switch {0}": "cambio {0}",
  "policy {0}": "política {0}",
  running: "corriendo",
  ready: "lista",
  waiting: "esperando",
  done: "terminada",
  panicked: "entró en pánico",
  aborted: "abortada",
  yielded: "cedió el turno",
  wake: "despertar",
  "this one was woken": "quién despertó a esta",
  "the loop sleeps": "el loop duerme",
  outside: "afuera",
  "timers, sockets, other threads": "timers, sockets, otros hilos",
  "{0} runs": "corre {0}",
  "at {0}": "a los {0}",
  "It was ready because {0}": "Estaba lista porque {0}",
  "and got its turn after {0}": "y le tocó después de {0}",
  "and got its turn at once": "y le tocó enseguida",
  "It ran {0}": "Corrió {0}",
  "and {0}": "y {0}",
  "It woke {0}": "Despertó a {0}",
  "It spawned {0}": "Creó a {0}",
  "Then it yielded and is ready again": "Después cedió el turno y está lista otra vez",
  "Then it waits for {0}": "Ahora espera {0}",
  "Then it waits": "Ahora espera",
  "Then it was done": "Después terminó",
  "Then it panicked": "Después entró en pánico",
  "How it left was not recorded": "No se grabó cómo terminó el cambio",
  "{0} spawned it": "la creó {0}",
  "it was spawned": "fue creada",
  "it had yielded": "había cedido el turno",
  "it had spent its budget": "había gastado su presupuesto",
  "{0} woke it": "la despertó {0}",
  "a timer woke it": "la despertó un timer",
  "source {0} woke it": "la despertó la fuente {0}",
  "it was woken from outside the loop": "la despertaron desde afuera del loop",
  "of something that was not recorded": "de algo que no se grabó",
  "Ready queue": "Cola de listas",
  "in the policy's order": "en el orden de la política",
  "The policy's reason": "La razón de la política",
  "The policy gives no reason.": "La política no da razones.",
  "Nobody else was ready.": "Nadie más estaba lista.",
  "and {0} more": "y {0} más",
  "runs now": "corre ahora",
  "ready for {0}": "lista hace {0}",
  "runs at {0}": "corre en {0}",
  "This step": "Este paso",
  Task: "Tarea",
  "Woken by": "Despertada por",
  "Ready because": "Lista porque",
  Waited: "Esperó",
  Ran: "Corrió",
  Left: "Salió",
  "Waits for": "Espera",
  "Woke or spawned": "Despertó o creó a",
  Debugger: "Depurador",
  "Each runtime of a program counts its switches from 1.":
    "Cada runtime de un programa cuenta sus cambios desde 1.",
  "group {0}, priority {1}, weight {2}": "grupo {0}, prioridad {1}, peso {2}",
  "spawned at": "creada en",
  by: "por",
  "in switch {0}": "en el cambio {0}",
  "made at": "hecho en",
  "locked by {0} at": "lo bloqueó {0} en",
  "since {0}": "desde {0}",
  nothing: "nada",
  nobody: "nadie",
  "not recorded": "no se grabó",
  waits: "espera",
  "came from": "viene de",
  spawn: "creación",
  " or ": " o ",
  Source: "Código",
  "The text of {0} is not in this page.": "El texto de {0} no está en esta página.",
  "This page was made without source text.": "Esta página se hizo sin código fuente.",
  "No place in the source was recorded here.": "Aquí no se grabó ningún lugar del código.",
  "Tasks at this step": "Las tareas en este paso",
  State: "Estado",
  For: "Hace",
  Why: "Por qué",
  Switches: "Cambios",
  "Longest wait": "Espera más larga",
  Log: "Registro",
  "The whole log": "El registro completo",
  "{0} ready": "{0} listas",
  "{0} waiting": "{0} esperando",
  "{0} done": "{0} terminadas",
  "Lanes of {0} of {1} tasks are shown.": "Se muestran {0} de {1} tareas.",
  "Ready queue over the whole run, at most {0}": "Cola de listas en toda la ejecución, máximo {0}",
  "Timeline: {0}": "Línea de tiempo: {0}",
  "Nothing was recorded: was the recorder given to the runtime, and did it run?":
    "No se grabó nada: ¿recibió el runtime al grabador, y corrió?",
  "No switch was recorded.": "No se grabó ningún cambio.",
  "There is no run in this page.": "No hay ninguna ejecución en esta página.",
  "The recorder had no room for the oldest {0} records: the run begins before this.":
    "El grabador no tuvo lugar para los {0} registros más viejos: la ejecución empieza antes.",
  "Ready queues and reasons were not recorded: this is a flight recorder's. Recorder::new() keeps them.":
    "No se grabaron las colas ni las razones: es de una caja negra. Recorder::new() las guarda.",
  "Only the last {0} switches are in this page; {1} before them were left out.":
    "En esta página están solo los últimos {0} cambios; se omitieron {1} anteriores.",
  "Of {0} tasks nothing is recorded in this part.": "De {0} tareas no se grabó nada en esta parte.",
};

/** What Rust says in English: reasons for waiting, and of policies. */
const SPANISH_OF_RUST = [
  [/^the end of a task of another runtime$/, "el final de una tarea de otro runtime"],
  [/^the end of a task of its set$/, "el final de una tarea de su conjunto"],
  [/^the end of (.*)$/, "el final de $1"],
  [/^a job on another thread$/, "un trabajo en otro hilo"],
  [/^a timer due at (.*)$/, "un timer que vence a los $1"],
  [/^source (\d+) to become readable$/, "que se pueda leer de la fuente $1"],
  [/^source (\d+) to become writable$/, "que se pueda escribir en la fuente $1"],
  [/^a mutex$/, "un mutex"],
  [/^an rwlock, to read$/, "un rwlock, para leer"],
  [/^an rwlock, to write$/, "un rwlock, para escribir"],
  [/^permits of a semaphore$/, "permisos de un semáforo"],
  [/^a notification$/, "un aviso"],
  [/^the others at a barrier$/, "a las demás en una barrera"],
  [/^the value of a once cell$/, "el valor de una once cell"],
  [/^the value of a oneshot channel$/, "el valor de un canal oneshot"],
  [/^a message of an mpsc channel$/, "un mensaje de un canal mpsc"],
  [/^room in an mpsc channel$/, "lugar en un canal mpsc"],
  [/^a message of a broadcast channel$/, "un mensaje de un canal broadcast"],
  [/^a change of a watched value$/, "un cambio de un valor observado"],
  [/^the other side of a channel to go away$/, "que se vaya el otro lado de un canal"],
  [/^first of (\d+) in the queue$/, "la primera de $1 en la cola"],
  [/^newest of (\d+) on the stack$/, "la más nueva de $1 en la pila"],
  [/^priority (\d+), waited (.*)$/, "prioridad $1, esperó $2"],
  [/^group (\d+)'s turn$/, "turno del grupo $1"],
  [/^group (\d+)'s turn, (.*) left of it$/, "turno del grupo $1, le quedan $2"],
  [/^group (\d+)'s turn, overdrawn by (.*)$/, "turno del grupo $1, debe $2"],
  [/^nobody ready has a deadline$/, "ninguna lista tiene plazo"],
  [/^earliest deadline, missed (.*) ago$/, "el plazo más próximo, vencido hace $1"],
  [/^earliest deadline, in (.*)$/, "el plazo más próximo, en $1"],
  [/^least virtual time: (.*), weight (\d+)$/, "menor tiempo virtual: $1, peso $2"],
  [/^has run least: (.*)$/, "la que menos corrió: $1"],
  [/^drawn with (\d+) of (\d+) tickets$/, "sorteada con $1 de $2 boletos"],
  [/^drawn from (\d+)$/, "sorteada entre $1"],
  [/^highest level: (\d+) of 0 to (\d+)$/, "el nivel más alto: $1, de 0 a $2"],
  [/^nobody ready has a size$/, "ninguna lista tiene tamaño"],
  [/^shortest: (.*)$/, "la más corta: $1"],
  [/^least left to do: (.*)$/, "a la que menos le falta: $1"],
  [/^least pass, weight (\d+)$/, "menor pase, peso $1"],
];

let lang = (navigator.language ?? "en").startsWith("es") ? "es" : "en";

/** A text in the language of the page; `{0}` is the first of `args`. */
function say(text, ...args) {
  const said = lang === "es" ? (SPANISH[text] ?? text) : text;
  return said.replace(/\{(\d)\}/g, (_, i) => args[i]);
}

/** A text of Rust's, with the names of tasks for their numbers. */
function translated(text, run) {
  text = text.replace(
    /\btask (\d+)\b/g,
    (all, serial) => run.bySerial.get(Number(serial))?.label ?? all,
  );
  text = text.replace(
    /([\d.]+)(ns|µs|ms|s)\b/g,
    (_, value, unit) => `${number(Number(value), 7)} ${unit}`,
  );
  if (lang !== "es") return text;
  const [pattern, spanish] = SPANISH_OF_RUST.find(([pattern]) => pattern.test(text)) ?? [];
  return pattern ? text.replace(pattern, spanish) : text;
}

const formats = {};

function number(value, digits = 6) {
  const format = (formats[lang + digits] ??= new Intl.NumberFormat(lang, {
    maximumSignificantDigits: digits,
  }));
  return format.format(value);
}

/** A span of time, from nanoseconds. */
function span(nanos, digits = 4) {
  if (nanos === 0) return "0 ms";
  const [unit, size] = [
    ["s", 1e9],
    ["ms", 1e6],
    ["µs", 1e3],
  ].find(([, size]) => nanos >= size) ?? ["ns", 1];
  return `${number(nanos / size, digits)} ${unit}`;
}

/** A point in time. */
const time = (nanos) => span(nanos, 7);

/** HTML in which every text that is put in is escaped, unless it is HTML itself. */
class Html extends String {}
function html(parts, ...values) {
  const write = (value) =>
    value instanceof Html
      ? value
      : Array.isArray(value)
        ? value.map(write).join("")
        : value === undefined || value === false || value === null
          ? ""
          : String(value).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
  return new Html(parts.reduce((all, part, i) => all + write(values[i - 1]) + part));
}
