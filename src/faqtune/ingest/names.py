"""What columns, keys and roles of chat exports are called, as `headers.fold` spells them; likelier names first."""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


SESSION = _words(
    """sessionid conversationid chatid dialogid dialogueid ticketid threadid roomid sid session conversation ticket
    dialog 会话id 会话编号 会话号 会话标识 会话 对话id 对话编号 工单号 工单id 咨询id"""
)
ID = (*SESSION, "id", "uuid", "编号")
"""The id of an object that holds a whole session."""

ROLE = _words(
    """sender role from speaker author sendertype senderrole fromtype msgfrom direction who name type usertype
    发送者 发送方 发送人 发言人 发言者 角色 身份 消息来源 发送者类型 发送方类型 说话人"""
)
TEXT = _words(
    """content text message msg body value utterance messagecontent msgcontent
    内容 消息内容 消息 文本 聊天内容 发送内容 对话内容 消息文本"""
)
TIME = _words(
    """time timestamp ts createdat createtime createdtime datetime date sendtime sentat msgtime messagetime
    时间 发送时间 消息时间 日期 创建时间 时间戳 发言时间"""
)
ASKED = _words(
    """input question query customer user human prompt instruction
    客户消息 用户消息 买家消息 访客消息 客户 用户 买家 访客 问题 提问"""
)
ANSWERED = _words(
    """output answer response reply agent assistant bot gpt completion
    客服消息 客服回复 客服 坐席 回复 回答 答案 答复"""
)
LISTS = _words(
    """conversation conversations messages message turns dialog dialogue dialogs dialogues history records msgs chat
    utterances data content items log logs 对话 消息 聊天记录 会话 会话内容 消息列表 对话内容"""
)
"""The list of messages in an object that holds a whole session."""

SENTENCE = (*TEXT, *_words("sentence query input question utterance noise 句子 语句 闲聊 问题 话语 聊天"))
"""The text where there are only sentences, no conversations."""

GROUP = _words("source group sourceid conversation 来源 出处 会话")
"""What sentences that belong together have in common."""

MEDIA = _words(
    """图片 照片 表情 动画表情 自定义表情 语音 语音消息 视频 短视频 文件 链接 位置 地图 名片 商品 商品链接 商品卡片 订单
    订单卡片 卡片 卡片消息 红包 转账 小程序 截图 音频 附件 未知消息 不支持的消息
    image picture photo img pic gif sticker emoji video audio voice file document attachment link location card"""
)
"""Stand-ins for what is no text: [图片], 【视频】, <image>; also with more inside: [图片: a.jpg], [voice message]."""

CUSTOMERS = _words(
    """客户 顾客 用户 买家 访客 会员 消费者 来访者 咨询者 提问者 客人
    customer user buyer visitor human client enduser guest consumer member requester contact in incoming inbound"""
)
AGENTS = _words(
    """客服 坐席 座席 卖家 商家 店家 店铺 店小二 机器人 客户服务 客户经理 管家 顾问 专员
    agent assistant bot gpt model seller merchant staff operator support supportagent representative rep admin chatbot
    robot csr service customerservice kefu out outgoing outbound chatgpt ai"""
)
SYSTEMS = _words("系统 通知 提示 事件 system sys notice notification event function tool developer")
