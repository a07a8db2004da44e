"""What the three pages share: the frame around them, and small helpers."""

from __future__ import annotations

import html
from typing import Any

from bokeh.models import InlineStyleSheet, Spinner

REAL, MADE = "#1f5fa8", "#c9560c"  # data, samples
PALETTE_ENDS = ["#e8863c", "#f6f4f0", "#5b93cf"]  # D = 0, 1/2, 1

TEMPLATE = """
{% block title %}{{ heading | e }} - tinygan lab{% endblock %}
{% block preamble %}
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<style>
  body { font: 15px/1.45 system-ui, sans-serif; color: #1c1c1c; background: #fff; }
  header { display: flex; flex-wrap: wrap; gap: 4px 20px; align-items: baseline;
           padding: 8px 16px; border-bottom: 1px solid #ccc; }
  h1 { font-size: 18px; margin: 0 12px 0 0; }
  nav a { color: #1f5fa8; margin-right: 14px; }
  nav a[aria-current] { color: #1c1c1c; font-weight: 600; }
  main { display: grid; gap: 8px 18px; padding: 8px 16px; max-width: 1500px; margin: 0 auto;
         grid-template-columns: minmax(0, 1fr); }
  .bar { display: grid; gap: 0 10px; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); }
  .pictures { display: grid; gap: 8px 14px; grid-template-columns: minmax(0, 1fr);
              align-content: start; }
  .wide { grid-column: 1 / -1; }
  summary { font-weight: 600; padding: 4px 0; cursor: pointer; }
  .fields { display: grid; gap: 0 8px; align-items: end;
            grid-template-columns: repeat(auto-fill, minmax(130px, 1fr)); }
  .of-strokes, .of-open, .of-link, .of-sentence { grid-column: 1 / -1; }
  :focus-visible { outline: 2px solid #1f5fa8; outline-offset: 2px; }
  @media (min-width: 700px) { .pictures { grid-template-columns: repeat(2, minmax(0, 1fr)); } }
  @media (min-width: 1000px) {
    main.sided { grid-template-columns: minmax(0, 1fr) 310px; }
    .sided > .bar { grid-column: 1 / -1; }
  }
</style>
{% endblock %}
{% block contents %}
<header>
  <h1>tinygan lab</h1>
  <nav aria-label="Pages">
  {% for path, name in pages %}
    <a href="{{ prefix }}{{ path }}"
       {%- if path == here %} aria-current="page"{% endif %}>{{ name }}</a>
  {% endfor %}
  </nav>
</header>
<main{% if groups %} class="sided"{% endif %}>
  {% if bar %}
  <section class="bar" aria-label="Run">
    {% for name in bar %}<div>{{ embed(roots[name]) }}</div>{% endfor %}
  </section>
  {% endif %}
  <section class="pictures" aria-label="{{ heading | e }}">
    {% for name, wide in pictures %}
    <div{% if wide %} class="wide"{% endif %}>{{ embed(roots[name]) }}</div>
    {% endfor %}
  </section>
  {% if groups %}
  <section aria-label="Settings">
    {% for title, members in groups %}
    <details open><summary>{{ title }}</summary><div class="fields">
      {% for name in members %}<div class="of-{{ name }}">{{ embed(roots[name]) }}</div>{% endfor %}
    </div></details>
    {% endfor %}
  </section>
  {% endif %}
</main>
{% endblock %}
"""
PAGES = (("/", "A GAN on a plane"), ("/run", "A run"), ("/generator", "A generator"))


def arrange(
    document: Any, prefix: str, here: str, bar: list[Any], pictures: list[tuple[Any, bool]],
    groups: list[tuple[str, list[Any]]] | None = None,
) -> None:  # fmt: skip
    """Puts Bokeh models onto the page: the buttons of the `bar` on top, then the `pictures`, each
    of which goes over the whole width or not, then `groups` of settings, beside the pictures where
    there is room. This is the order of the keyboard too."""
    count = 0

    def add(model: Any) -> str:
        nonlocal count
        count += 1
        model.name = model.name or f"part{count}"
        document.add_root(model)
        return model.name

    document.template = TEMPLATE
    document.template_variables.update(
        here=here, heading=dict(PAGES)[here], pages=PAGES, prefix=prefix,
        bar=[add(model) for model in bar],
        pictures=[(add(model), wide) for model, wide in pictures],
        groups=[(title, [add(model) for model in models]) for title, models in groups or []],
    )  # fmt: skip
    document.title = f"{dict(PAGES)[here]} - tinygan lab"


def spinner(title: str, value: int, **options: Any) -> Any:
    """A field for a whole number, which the arrow keys change. Its two small buttons have no names
    for a screen reader, and would be two more stops of the Tab key: they are left out."""
    hidden = InlineStyleSheet(css=".bk-spin-btn { display: none !important; }")
    return Spinner(title=title, value=value, mode="int", step=1, stylesheets=[hidden],
                   sizing_mode="stretch_width", **options)  # fmt: skip


def named(made: Any, name: str) -> None:
    """Gives a figure the name that a screen reader says where the Tab key comes to it."""
    made.html_attributes = {"role": "group", "aria-label": name}


def arguments_of(document: Any) -> dict[str, str]:
    """The names and values of the page's link; of a name that stands there twice the last value."""
    context = document.session_context
    given = context.request.arguments if context and context.request else {}
    return {
        name: values[-1].decode(errors="replace")
        for name, values in given.items() if not name.startswith("bokeh-")
    }  # fmt: skip


def escape(text: Any) -> str:
    """Text that came from a file, a link or a person, as it can stand in HTML."""
    return html.escape(str(text))
