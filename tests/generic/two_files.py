"""A process of an office's own: two YAML files, a field of every kind, and nothing in Python."""

from __future__ import annotations

from pathlib import Path

TYPE = """
id: repair_request
title: {zh: 便民设施报修, en: Repair request}
workflow: repair_request
group: field
icon: alert
number: {prefix: BX}
create: [community_clerk, grid_leader, applicant]
illustrative: true
description: {zh: 居民或网格报修公共设施，由街道或社区派人修好并请报修人确认。, en: Residents and grids report broken facilities.}
notes: 修理期限是占位，须由单位核定。
fields:
  title: {kind: text, title: {zh: 报修内容, en: What is broken}, required: true, help: 写设施和毛病，不写姓名和电话。}
  facility:
    kind: choice
    title: {zh: 设施, en: Facility}
    required: true
    column: true
    options: {lamp: {zh: 路灯, en: Lamp}, bench: {zh: 座椅, en: Bench}, lift: {zh: 电梯, en: Lift}}
  found_on: {kind: date, title: {zh: 发现日期, en: Found on}, column: true}
  wish: {kind: datetime, title: {zh: 希望修好的时间, en: Wished time}}
  pieces: {kind: number, title: {zh: 损坏件数, en: Pieces}, column: true}
  urgent: {kind: bool, title: {zh: 有安全隐患, en: Dangerous}}
  story: {kind: longtext, title: {zh: 详细情况, en: Details}}
  parts: {kind: list, title: {zh: 要用的配件, en: Parts}}
  spot: {kind: address, title: {zh: 具体位置, en: Where exactly}}
  contact: {kind: person_name, title: {zh: 联系人, en: Contact}}
  contact_phone: {kind: phone, title: {zh: 联系电话, en: Phone}}
  contact_number: {kind: id_number, title: {zh: 联系人身份证号, en: ID number of the contact}}
  secret_note: {kind: text, title: {zh: 内部联系方式, en: Internal contact}, sensitive: true}
  addressee: {kind: agency, title: {zh: 交给哪个单位修, en: Who repairs it}, required: true}
  informed: {kind: agencies, title: {zh: 同时告知, en: Also told}}
  item: {kind: item, title: {zh: 相关事项, en: Item}}
  handler: {kind: person, title: {zh: 对接人, en: Colleague}}
  case: {kind: case, title: {zh: 相关办件, en: Case}}
  applicant: {kind: applicant, title: {zh: 报修人, en: Reported by}}
  # Asked by the steps of the same names and written by them.
  plan: {kind: text, title: {zh: 派谁去, en: Who goes}}
  day: {kind: date, title: {zh: 计划日期, en: Planned day}}
  result: {kind: longtext, title: {zh: 怎么修的, en: How}}
"""

WORKFLOW = """
id: repair_request
title: {zh: 便民设施报修, en: Repair request}
initial: reported
permissions: [view, view_full, edit, attach, internal]
states:
  reported:
    title: {zh: 已报修, en: Reported}
    tone: needs
    due: {working_days: 2}
    permissions: &early
      view: {roles: [owner, applicant, community_clerk@origin, community_clerk@addressee, window_clerk@addressee, grid_leader], acquire: true}
      view_full: &staff [owner, community_clerk@origin, community_clerk@addressee, window_clerk@addressee]
      edit: &own [owner, community_clerk@origin]
      attach: *staff
      internal: *staff
  repairing:
    title: {zh: 修理中, en: Being repaired}
    tone: running
    due: {clock: repair}
    permissions: *early
  repaired:
    title: {zh: 已修好, en: Repaired}
    tone: needs
    due: {clock: repair}
    permissions: *early
  closed:
    title: {zh: 已办结, en: Closed}
    tone: done
    terminal: true
    permissions: *early
  refused:
    title: {zh: 不予修理, en: Refused}
    tone: done
    terminal: true
    usual: false
    permissions: *early
transitions:
  take:
    title: {zh: 派人去修, en: Send somebody}
    from: [reported]
    to: repairing
    primary: true
    guard: {roles: [window_clerk@addressee, community_clerk@addressee]}
    inputs:
      plan: {kind: text, required: true, title: {zh: 派谁去, en: Who goes}}
      day: {kind: date, title: {zh: 计划日期, en: Planned day}}
    effects: [keep_inputs, take_on]
  refuse:
    title: {zh: 不予修理, en: Refuse}
    from: [reported]
    to: refused
    dangerous: true
    guard: {roles: [window_clerk@addressee, community_clerk@addressee]}
    inputs:
      comment: {kind: longtext, required: true, title: {zh: 原因, en: Reason}}
  finish:
    title: {zh: 登记修好, en: Record the repair}
    from: [repairing]
    to: repaired
    primary: true
    guard: {roles: [window_clerk@addressee, community_clerk@addressee]}
    inputs:
      result: {kind: longtext, required: true, title: {zh: 怎么修的, en: How}}
    effects: [keep_inputs]
  redo:
    title: {zh: 没修好，退回, en: Not repaired}
    from: [repaired]
    to: repairing
    guard: {roles: [owner, community_clerk@origin]}
    inputs:
      comment: {kind: longtext, required: true, title: {zh: 哪里没修好, en: What is wrong}}
  confirm:
    title: {zh: 确认修好, en: Confirm}
    from: [repaired]
    to: closed
    primary: true
    guard: {roles: [owner, community_clerk@origin]}
clocks:
  repair:
    title: {zh: 修理期限, en: Repair}
    days: 5
    start: [reported]
    stop: [closed, refused]
worklists:
  to_take:
    title: {zh: 待派修, en: To be repaired}
    match: {state: [reported]}
    guard: {roles: [window_clerk, community_clerk]}
  to_confirm:
    title: {zh: 待确认, en: To be confirmed}
    match: {state: [repaired]}
    guard: {roles: [community_clerk]}
"""


def write(folder: Path, *, type_text: str = TYPE, workflow_text: str = WORKFLOW) -> Path:
    """The folder an administrator would name in DAIBAN_PROCESSES."""
    for name, text in (("types", type_text), ("workflows", workflow_text)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "repair_request.yaml").write_text(text, encoding="utf-8")
    return folder
