# SPDX-License-Identifier: Apache-2.0
"""Every outcome the terminal knows, as data: 85 rows of three lines each. Read by :mod:`firmware.core.outcomes`.

Row: ``CODE NAME kind | basis | where it is found`` / ``zh | en`` / ``remedy zh | remedy en``. R = refusal, H = hold, W = warning.
Groups: 1xx document, 2xx person, 3xx unit, 4xx quota and risk, 5xx staff and terminal, 6xx notice and consent, 7xx card and approval,
8xx backend and the terminal itself.
"""

TABLE = """\
R101 NO_DOCUMENT refusal | O25-10 TB-13 JX-38 | ST5
  拒绝/未能出示有效证件 | no valid document shown
  请携带有效证件原件再来办理 | return with a valid original document
R102 INFO_REFUSED refusal | O25-10 | ST5
  拒绝提供证件所载信息 | refuses the data on the document
  请配合读取证件信息，否则不能办理 | let the document be read; without it no service
R103 DOC_NOT_ACCEPTED refusal | documents.md, pack | ST5
  证件种类不适用 | document kind not accepted here
  请改用凭条所列的其他证件 | use another kind from the list on the slip
R104 NOT_ORIGINAL refusal | TB-05 | ST5/ST6
  非原件 | not an original
  请出示证件原件 | bring the original
R105 DOC_EXPIRED refusal | O25-07 TB-07 (有效) | ST6
  证件过期 | document expired
  请换领新证或改用其他有效证件 | renew it, or use another valid kind
R106 DOC_NOT_YET_VALID refusal | OWN | ST6
  未到生效日期/时钟异常 | not yet valid, or clock wrong
  请校时，或到生效日期后办理 | sync the clock; return on or after the start date
R107 CHIP_UNREADABLE refusal | N182-2a | ST5
  芯片无法读取 | chip cannot be read
  可试3次或换设备，仍不行请换领证件；不得手工录入 | 3 tries, other reader, or replace the card; never typed
R108 CHIP_AUTH_FAIL refusal | O25-10 TB-13 | ST6
  芯片认证失败（疑似伪造） | chip authentication failed, forgery suspected
  凭证据编号到公安机关核查证件 | slip with evidence number; have the card checked by the police
R109 FORGED_OR_ALTERED refusal | O25-10 TB-13 | ST6
  伪造、变造、假冒 | forged, altered or counterfeit
  凭证据编号到公安机关核查，可申诉 | slip with evidence number; police check; appeal possible
R110 PRINT_CHIP_MISMATCH refusal | O25-10 TB-13 | ST6
  证面与芯片不一致 | print and chip differ
  凭证据编号到公安机关核查证件 | slip with evidence number; police check
R111 BAD_NUMBER refusal | OWN (integrity) | ST6
  号码校验失败 | number check digit wrong
  请重新读取，仍失败请到发证机关核对 | read again; if repeated, have the document corrected
R112 ONLINE_MISMATCH refusal | N182-2a TB-12 | ST6
  联网核验不一致 | online check does not match
  请到户籍派出所更正信息后办理 | correct the register entry at the police station
R113 ONLINE_NOT_FOUND refusal | N182-2a TB-12 | ST6
  联网查无此人 | not found online
  请到户籍派出所核查户籍信息 | ask the police station to check the register
H114 ONLINE_UNAVAILABLE hold | N182-2a TB-12 | ST6
  联网核验不可用（挂起，不拒绝不通过） | online check unavailable: neither refused nor passed
  请等待恢复；超过凭条时间自动失效 | wait; resumes by itself or expires at the printed time
R115 MANUAL_ENTRY refusal | N182-2a | ST5, BE
  人工录入/来源不明的数据 | typed data or unknown origin
  请用已登记的读卡设备重新采集 | capture again with a registered reader
R116 DOC_REPORTED_LOST refusal | OWN | ST6
  证件挂失/注销 | document reported lost or cancelled
  请使用新证件，疑问请咨询公安机关 | use the new document; ask the police
R201 FACE_MISMATCH refusal | XT-2019 | ST8
  人像比对不一致 | face does not match
  可试3次，之后转人工核验 | 3 tries, then path V or reviewer
R202 LIVENESS_FAIL refusal | XT-2018 | ST8
  活体检测不通过 | liveness not passed
  请按提示重试，仍不行转人工核验 | follow the prompt and retry, then path V
R203 FACE_QUALITY refusal | OWN | ST8
  图像质量不足 | image quality too low
  请改善光线、摘除遮挡后重试 | better light, uncover the face, retry
R204 IMPERSONATION refusal | O25-10 | ST8/operator
  冒用他人证件 | another person's document
  须持证人本人办理；可凭证据编号申诉 | holder must come in person; appeal with evidence number
H205 FACE_DECLINED hold | XT-FR XT-PI28-31 | ST4
  不同意人脸处理（转人工核验路径 V） | face processing declined: path V
  请到自有营业厅由两名人员人工核验 | manual check by two staff at an own hall
R206 MINOR_WITHOUT_GUARDIAN refusal | XT-PI28-31 | ST6
  未成年人无监护人 | minor without guardian
  请监护人携双方证件及关系证明陪同 | come with guardian, both documents, P-B
R207 IDENTITY_UNCLEAR refusal | N182-1 JX-38 XT-CT21 | any
  身份不明或拒绝身份查验 | identity unclear or check refused
  请完成全部查验或更换有效证件 | complete all checks or bring another valid document
R208 PROXY_DOC_MISSING refusal | O25-06b TB-08 | ST9
  代办人证件缺失 | proxy's document missing
  请携带代办人证件原件 | bring the proxy's original too
R209 PROXY_AUTH_INVALID refusal | DOC-1 | ST9
  委托书缺失/范围不符 | authorisation missing or wrong scope
  请重新出具载明本业务并双方签字的委托书 | new letter naming this business, signed by both
R210 PROXY_SUSPECT refusal | XT-AF31 | BE
  疑似虚构代理关系 | agency relation looks invented
  请委托人本人办理或等待审核，可申诉 | reviewer checks; principal comes in person; appeal
R211 IN_PERSON_ONLY refusal | UC-9, pack | ST3
  须本人/须自有营业厅办理 | in person or own hall only
  请本人到凭条所列自有营业厅办理 | go in person to the own hall on the slip
R301 UNIT_DOC_INVALID refusal | O25-08a XJ-2.1.7(a) | T09
  单位证件缺失/无效 | unit document missing or invalid
  请携带有效单位证件，异常状态请先处理 | bring a valid unit document; clear registry status
R302 SEAL_MISSING refusal | DOC-3 XJ-2.1.7(c) | T09
  未盖公章 | official seal missing
  请加盖公章后再提交 | have the paper sealed
R303 HANDLER_MISSING refusal | O25-08b XJ-2.1.7(e) | T09, T10
  经办人证件缺失/非登记经办人 | handler's document missing or not the registered handler
  请登记的经办人携身份证原件到场 | registered handler brings own original
R304 UNIT_AUTH_MISSING refusal | O25-08b XJ-2.1.7(b) | T09
  无单位授权书/三合一申请表 | no unit authorisation
  请提交盖章的单位授权书（三合一申请表） | bring the sealed 单位授权书
R305 RESPONSIBLE_MISSING refusal | XJ-2.1.7(f) | T09
  无责任人证件 | responsible person's document missing
  请携带责任人身份证原件 | bring the responsible person's original ID
R306 USER_LIST_MISSING refusal | TB-09 XJ-2.1.7(d) | T09, T10
  无使用人清单/使用人未登记 | no user list, or user not registered
  请提交用户清单并逐一登记使用人 | submit the list; register each user by T10
R307 UNDERTAKING_MISSING refusal | XJ-2.1.7(c) | T09
  无实名制承诺书 | real-name undertaking missing
  请提交盖章的实名制承诺书 | submit the sealed undertaking
R308 HANDLER_PHOTO_MISSING refusal | XJ-2.1.7(g) | T09
  无经办人现场人像 | no on-site photo of handler
  请经办人现场拍照并通过比对 | handler is photographed on site
R309 ISSUER_LEVEL refusal | DOC-5 | T09
  军队单位低于团级 | army unit below regiment level
  请由团级以上单位出具介绍信 | letter from a unit of regiment level or above
R310 PURPOSE_NOT_ALLOWED refusal | JX-40/41 SMS-06 XJ-11.6 | T09
  用途须许可（外呼、短信端口等） | purpose needs a licence
  请提供相应许可或变更用途 | show the licence or change the purpose
R311 IOT_RISK refusal | XT-AF12 | T11
  物联网卡风险评估/限定未完成 | IoT risk assessment or limits missing
  请完成风险评估并限定场景和设备 | finish assessment; give scene, device list, lock
R401 QUOTA_NATIONAL refusal | N6 N452 XT-AF10 | ST7
  同一企业名下已达5张 | 5 cards with this carrier already
  请先注销不用的号码，可查询名下号码 | close an unused number (T08), check by T07
R402 QUOTA_POSTPAID refusal | UC-7 | ST7
  联通后付费超5个 | more than 5 Unicom postpaid
  请先注销一个后付费号码 | close one postpaid number
R403 QUOTA_PREPAID refusal | UC-7 | ST7
  联通预付费超10个 | more than 10 Unicom prepaid
  请先注销一个预付费号码 | close one prepaid number
W-401 QUOTA_WARN warning | N570 N182-2b | ST7
  已达核查阈值，加强核查（570/182号: 同省≥5张；上限5张生效后由策略包设更低值） | check threshold reached: stricter check, not refused
  进行加强核验，通过后继续办理 | second check (step-up), then go on
R404 ABNORMAL_OPENING refusal | XT-AF10 | BE
  异常办卡情形 | abnormal opening pattern
  凭条载明原因，可按所列材料申诉 | slip with reason; appeal with papers listed
R405 RESTRICTED_PERSON refusal | XT-AF31 | BE
  依法限制入网/信用惩戒 | person restricted by law
  可向凭条所列部门申诉 | appeal to the authority named on the slip
R406 COOL_DOWN refusal | OWN (AH-07) | BE
  短期内重复办理 | repeated too soon
  请在凭条所示时间之后办理 | come back after the printed time
R407 NOT_REGISTERED_OWNER refusal | UC-2, T03 | ST7
  与登记机主不一致 | not the registered owner
  资料变更请办T05，转让请办过户T02 | data changed: T05; number passed on: T02
R408 NUMBER_LOCKED refusal | XJU-4 | ST7
  欠费/争议/涉案号码 | debt, dispute or case on the number
  请结清欠费、解决争议或提交法律文书 | pay, settle, or bring P-D
R409 BULK_PATTERN refusal | N182-2b | BE
  批量开卡/养卡迹象 | sign of bulk opening or card nursing
  转人工审核，通过后可重新办理，可申诉 | reviewer decides; new transaction if cleared; appeal
R410 CHANNEL_NOT_ALLOWED refusal | pack | ST3
  渠道或地区不办理此业务 | channel or region does not offer this
  请到凭条所列营业厅办理 | use the hall named on the slip
R411 MUST_SUPPLEMENT_FIRST refusal | UC-2 | ST7
  须先补登记 | supplementary registration first
  请先免费补登记，随后继续办理 | do T04 now, free of charge
R501 AGENT_INVALID refusal | TB-19 TB-21 | ST1
  代理商未备案/协议到期 | agent not filed or contract ended
  请续签协议并备案；用户请到其他网点 | renew contract and filing at BE; customer uses another outlet
R502 AGENT_BLACKLISTED refusal | N570 N452 | ST1
  代理商黑名单 | agent on blacklist
  代理商可向运营商申诉；用户请到其他网点 | carrier decides on appeal; customer uses another outlet
R503 OPERATOR_INVALID refusal | O25-15 | ST1
  营业员未授权/培训过期/认证失败 | operator not authorised, training expired or log-on failed
  请重新登录、补训或更换营业员 | log on again, renew training, or other operator
R504 DEVICE_NOT_REGISTERED refusal | AH-01 | ST2
  设备未登记/已注销 | device not registered or withdrawn
  请用主机工具登记设备 | HOST enrol
R505 DEVICE_CERT refusal | AH-01 | ST2
  设备证书过期/撤销 | device certificate expired or revoked
  请轮换证书；被撤销的返厂处理 | HOST rotate; if revoked, depot
R506 TAMPER refusal | DS-23 | any
  机壳/固件被动 | case or firmware tampered
  停止使用并返厂，按事件处置 | stop use, send to depot, BR-02 case
R507 OUT_OF_AREA refusal | AH-08 | ST2
  超出核定区域 | outside licensed area
  请回到核定地点或双人办理变更 | return to site, or re-site with two people
R508 CLOCK_UNTRUSTED refusal | DS-24 | ST2
  时间不可信 | time not trusted
  请与后台校时 | sync time with BE
R509 FIRMWARE_FLOOR refusal | POL-2 | ST2
  固件版本过低 | firmware below floor
  请升级签名固件 | install the signed update
R510 PACK_EXPIRED refusal | OWN | ST2
  策略包过期 | policy pack expired
  请同步策略包 | sync the pack
R511 JOURNAL_FULL refusal | TB-20 | ST2
  未移交记录超限 | too many records not handed over
  请联网移交记录 | connect and hand over
R512 SUB_AGENT refusal | N570 N452 | ST1
  违规下级代理 | forbidden sub-agent
  须与运营商直接签约；用户请到其他网点 | work only under a direct contract; use another outlet
R513 READER_UNKNOWN refusal | XT-GA | ST2
  读卡模块/SAM 未登记 | reader or SAM not registered
  请登记或更换读卡模块 | register or replace the reader
R514 SELF_SERVICE_OPERATOR refusal | OWN | ST5
  营业员为本人/亲自办理 | operator serves himself
  请由其他营业员办理 | another operator handles it
R515 KEY_UNAVAILABLE refusal | OWN | ST12
  终端密钥不可用 | the terminal's key cannot sign
  请检查安全模块后重试，仍不行返修 | check the security module and start again; else to the depot
R516 READER_SILENT refusal | OWN | ST2
  读卡器无响应 | the ID reader does not answer
  请检查读卡器电源和连线后重试，仍不行请更换 | check its power and cable and try again; else replace it
R517 LOG_UNKNOWN refusal | OWN (T-11) | ST2
  运营商不认可本机日志（分叉、回滚或来历不明） | the operator knows another log of this terminal: forked, cut or restored
  停止使用，由工程师核对日志后重新登记；用户请到其他网点 | stop use; an engineer compares the logs; customer uses another outlet
R601 NOTICE_NOT_ACKED refusal | XT-PI13,17,19 | ST4
  未完成告知 | notice not acknowledged
  请阅读或听取告知并确认 | read or hear the notice, acknowledge
R602 CONSENT_MISSING refusal | XT-PI28-31 XJ-2.1.9 | ST4, T10
  缺少必须的单独同意（C-2 且无 V 路径; C-6; C-7） | required separate consent missing
  请作出单独同意，或到自有营业厅人工核验 | give that consent, or use path V at an own hall
R603 AGREEMENT_UNSIGNED refusal | JX-32a | ST10
  协议未签 | agreement not signed
  请阅读并签署协议 | read and sign; without it no service
R604 WARNING_UNACKED refusal | XT-AF30 XT-2019 | ST10
  反诈/禁转售提示未确认 | fraud or resale warning not acknowledged
  请确认反诈和禁止转售提示 | acknowledge the warning
R701 NO_CARD refusal | OWN | ST14
  无卡 | no card
  请插入空白卡 | insert a blank card
R702 NOT_BLANK refusal | OWN | ST14
  成卡/已写卡 | finished or written card
  请更换空白卡 | use a blank card
R703 BLANK_SN_UNKNOWN refusal | OWN (BOSS check) | ST14
  空卡序列号不在资源池 | blank serial not in the pool
  请更换入库的空卡并上报此卡 | use a card from the pool; report this one
R704 APPROVAL_INVALID refusal | DS-21 | ST13
  审批签名无效 | approval signature wrong
  请重新申请审批，多次出现须上报 | ask BE for a new approval; BR-05 if repeated
R705 APPROVAL_EXPIRED refusal | DS-21 | ST13
  审批过期 | approval expired
  请重新申请审批 | ask for a new approval
R706 APPROVAL_REPLAY refusal | DS-21 | ST13
  审批已使用 | approval already used
  请重新办理并上报后台 | new transaction; report to BE
R707 APPROVAL_BINDING refusal | DS-21 | ST13
  审批与本机/本卡/本记录不符 | approval for other device, card or record
  请使用审批对应的卡或重新审批 | use the approved card, or new approval
R708 WRITE_FAIL refusal | OWN | ST15
  写卡失败 | write failed, retries used up
  卡作废、费用退回，请重新办理或更换终端 | cards void, charge undone; start again or other terminal
R709 VERIFY_MISMATCH refusal | OWN | ST16
  回读/MAC 不一致 | read-back or MAC differs
  卡作废，请重新办理 | card void; start again
R710 ACTIVATION_FAIL refusal | OWN | ST17
  激活失败 | activation failed
  后台重试并短信告知，仍失败则返销 | BE retries; customer told by SMS; else void T15
R711 CARD_VOIDED refusal | OWN | ST15
  断电/拔卡，卡作废 | power loss or card pulled, card void
  请换空白卡重新办理，不收费 | start again with a new blank; no charge
R801 BACKEND_UNREACHABLE refusal | OWN | ST13
  后台不可达（不写卡） | backend unreachable, no write
  请等待网络恢复，或按策略离线采集 | wait for the network, or T16 if the pack allows
R802 RECORD_REJECTED refusal | DS-20 | ST13
  后台验签/链校验失败 | backend rejected signature or chain
  请重新采集，并检查设备 | capture again; HOST checks the device
R803 INTERNAL refusal | OWN | any
  内部错误 | internal error
  请重新办理，并凭流水号上报 | start again; report with txn id
"""
