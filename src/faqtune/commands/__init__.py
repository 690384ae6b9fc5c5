"""One file per command: each puts the floors below to work on a project and returns a record of what it made.

What commands share lies in rooms beside them: `project` (a project's parts, labels, texts and models, put together),
`figures` (what was measured, kept and read back), `training` (what goes on around one), and on these `vectors`
(question vectors), `mixing` (models between two models) and `llm` (work for a language model).
"""
