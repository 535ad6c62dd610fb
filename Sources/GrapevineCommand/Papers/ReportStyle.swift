// How the page of the papers' tables looks, on screens light and dark and on paper.

/// The page's style sheet; it has neither `<` nor `&`, so that it can stand in a page as it is.
enum ReportStyle {
  static let sheet = """
    :root {
      color-scheme: light dark;
      --text: #1b1f24; --soft: #57606a; --page: #ffffff; --panel: #f6f8fa; --rule: #d0d7de; --grid: #e6e9ed;
      --good: #116329; --bad: #b3261e; --open: #7a5200;
      --c0: #0b62b0; --c1: #c8500a; --c2: #0a7d5a; --c3: #b0418f; --c4: #806600; --c5: #2b95c4; --c6: #5b3fa0;
      --c7: #555b63;
    }
    @media (prefers-color-scheme: dark) {
      :root {
        --text: #e6e9ed; --soft: #9aa4af; --page: #12161b; --panel: #1a2027; --rule: #343d47; --grid: #27303a;
        --good: #6fcf87; --bad: #ff8a80; --open: #e8b34a;
        --c0: #6cb2f5; --c1: #ff9a5c; --c2: #4fcfa3; --c3: #f08fd0; --c4: #d9c04a; --c5: #7fd8ff; --c6: #b39af5;
        --c7: #aab3bd;
      }
    }
    body {
      margin: 0 auto; padding: 1.5rem 1.25rem 4rem; max-width: 76rem; color: var(--text);
      background: var(--page); font: 16px/1.5 system-ui, sans-serif;
    }
    h1 { line-height: 1.2; margin: 0.5rem 0; }
    h2 { margin: 3rem 0 0.25rem; padding-top: 1rem; border-top: 1px solid var(--rule); line-height: 1.25; }
    h3 { margin: 1.5rem 0 0.5rem; font-size: 1rem; }
    p, ul, dl { max-width: 52rem; }
    a { color: var(--c0); }
    code { font: 0.875em ui-monospace, monospace; overflow-wrap: anywhere; }
    dt { font-weight: 600; margin-top: 0.4rem; }
    dd { margin: 0 0 0 1.25rem; }
    .source, .note { color: var(--soft); }
    .note { display: block; font-size: 0.8125rem; }
    .scroll { overflow-x: auto; margin: 1rem 0; }
    table { border-collapse: collapse; font-size: 0.875rem; }
    th, td { padding: 0.35rem 0.75rem 0.35rem 0; text-align: left; vertical-align: top; }
    th { border-bottom: 2px solid var(--rule); white-space: nowrap; }
    td { border-bottom: 1px solid var(--rule); min-width: 2.5rem; }
    td.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
    td.wide { min-width: 11rem; }
    .yes { color: var(--good); } .no { color: var(--bad); } .open { color: var(--open); }
    .shown { color: var(--soft); }
    .verdict { font-weight: 600; white-space: nowrap; }
    .plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr)); gap: 1rem; }
    figure { margin: 0; padding: 0.75rem; background: var(--panel); border: 1px solid var(--rule);
      border-radius: 6px; max-width: 46rem; break-inside: avoid; }
    figcaption { font-weight: 600; font-size: 0.9375rem; margin-bottom: 0.25rem; }
    svg { display: block; width: 100%; height: auto; }
    svg.key { display: inline-block; width: 24px; height: 10px; margin-right: 0.4rem; }
    ul.legend { list-style: none; margin: 0.25rem 0 0; padding: 0; display: flex; flex-wrap: wrap;
      gap: 0.1rem 1rem; font-size: 0.8125rem; }
    svg text { fill: var(--text); font-family: system-ui, sans-serif; }
    svg .tick { font-size: 12px; fill: var(--soft); }
    svg .name { font-size: 13px; }
    .grid { stroke: var(--grid); stroke-width: 1; }
    .axis { stroke: var(--soft); stroke-width: 1; }
    .line { fill: none; stroke: var(--c); stroke-width: 2; stroke-linejoin: round; }
    .known { stroke-dasharray: 2 4; stroke-width: 1.5; }
    .dash1 { stroke-dasharray: 8 4; } .dash2 { stroke-dasharray: 8 3 2 3; }
    .band { fill: var(--c); fill-opacity: 0.16; stroke: none; }
    .whisker { stroke: var(--c); stroke-width: 1.5; stroke-opacity: 0.6; }
    .dot { fill: var(--c); stroke: none; }
    .steps { fill: var(--c); fill-opacity: 0.2; stroke: var(--c); stroke-width: 1.5; }
    .s0 { --c: var(--c0); } .s1 { --c: var(--c1); } .s2 { --c: var(--c2); } .s3 { --c: var(--c3); }
    .s4 { --c: var(--c4); } .s5 { --c: var(--c5); } .s6 { --c: var(--c6); } .s7 { --c: var(--c7); }
    @media print {
      :root { color-scheme: light; --text: #000000; --soft: #444444; --page: #ffffff; --panel: #ffffff;
        --rule: #bbbbbb; --grid: #dddddd; --good: #116329; --bad: #b3261e; --open: #7a5200;
        --c0: #0b62b0; --c1: #c8500a; --c2: #0a7d5a; --c3: #b0418f; --c4: #806600; --c5: #2b95c4;
        --c6: #5b3fa0; --c7: #555b63; }
      html { font-size: 11px; } body { max-width: none; padding: 0; font-size: 1rem; }
      .scroll { overflow: visible; } tr { break-inside: avoid; }
      h2, h3 { break-after: avoid; } .plots { grid-template-columns: 1fr 1fr; }
    }

    """
}
